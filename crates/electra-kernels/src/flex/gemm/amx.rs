//! The micro-kernel of bfloat16 on AMX: 32 x 32 results in four tile registers.
//!
//! A tile register holds 16 rows of 64 bytes: 16 x 16 results, 16 rows of `a` or 16 units of depth of `b`.
//! The compiler neither uses nor saves these registers: what one block of assembly leaves in them is there in
//! the next of the same thread. No value passes between blocks and the compiler's code but through memory.

use std::arch::asm;
use std::arch::x86_64::*;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::tile::{COLUMNS, ROW_STRIDE, Tile};

/// Rows of a tile: two registers.
pub(super) const ROWS: usize = 32;
/// Units of depth that one instruction takes.
pub(super) const STEP: usize = 16;

/// Whether this processor has AMX for bfloat16 and the system lets this process use it. Asked once.
pub(super) fn has_amx() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| processor_has_amx() && allowed_by_system())
}

/// CPUID leaf 7: EDX bit 22 is AMX-BF16, bit 24 AMX-TILE.
fn processor_has_amx() -> bool {
    if __get_cpuid_max(0).0 < 7 {
        return false;
    }
    let features = __cpuid_count(7, 0).edx;
    features & (1 << 22) != 0 && features & (1 << 24) != 0
}

/// Linux saves the eight kilobytes of tile registers only for processes that have asked.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn allowed_by_system() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: this call changes what the process may use and touches no memory.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn allowed_by_system() -> bool {
    false
}

/// The operand of `ldtilecfg`.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

/// All eight registers whole.
static WHOLE: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// The tile registers of this thread, configured until this is dropped. It stays on its thread.
pub(super) struct Registers(PhantomData<*mut ()>);

impl Registers {
    /// Configures the registers.
    ///
    /// # Safety
    ///
    /// [`has_amx`] is true.
    pub(super) unsafe fn take() -> Self {
        // SAFETY: our caller owes that the instruction exists; it reads the 64 bytes of a configuration.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const WHOLE, options(nostack, readonly, preserves_flags))
        };
        Self(PhantomData)
    }
}

impl Drop for Registers {
    fn drop(&mut self) {
        // SAFETY: who took the registers owed that the instruction exists. Registers at rest cost nothing
        // when threads take turns.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// Computes a tile.
///
/// # Safety
///
/// The processor has AVX-512. The tile is as [`Tile`] says, of at most [`ROWS`]. Its panels are packed to a
/// whole number of [`STEP`]s, with zeros behind the depth, and that of `a` has room for all [`ROWS`]; what
/// lies behind its `rows` reaches no result and need not be written.
pub(super) unsafe fn tile(_: &Registers, t: &Tile) {
    let whole = t.rows == ROWS && t.columns == COLUMNS;
    if whole && t.scale == 1.0 {
        // SAFETY: our caller owes the panels and the results, which are those of a whole tile.
        return unsafe { multiply(t, t.c, t.row_stride, t.add) };
    }
    let mut sums = [[0.0f32; COLUMNS]; ROWS];
    // SAFETY: the sums have room for a whole tile and are ours; our caller owes the panels and the results.
    unsafe {
        multiply(t, sums.as_mut_ptr().cast(), COLUMNS, false);
        store(t, &sums);
    }
}

/// Computes a whole tile, `c = a b` or `c += a b`.
///
/// # Safety
///
/// The tile registers are configured. The panels of `t` are as [`tile`] asks for. `c` is the first of
/// [`ROWS`] rows of [`COLUMNS`] elements, `row_stride` apart, which nobody else uses, and which are written
/// if `add`.
unsafe fn multiply(t: &Tile, c: *mut f32, row_stride: usize, add: bool) {
    let steps = t.depth.div_ceil(STEP);
    let lower_a = t.a.wrapping_add(ROWS / 2 * ROW_STRIDE);
    let lower_c = c.wrapping_add(ROWS / 2 * row_stride);
    let c_bytes = row_stride * size_of::<f32>();
    // SAFETY: our caller owes that the registers are configured, so that the instructions exist; of what is
    // read and written each row is inside its panel or the results. The compiler uses no tile register, so
    // what a block leaves there is found by the next, and nothing of the compiler's is lost.
    unsafe {
        if add {
            asm!(
                "tileloadd tmm0, [{c} + {stride}*1]",
                "tileloadd tmm1, [{c} + {stride}*1 + 64]",
                "tileloadd tmm2, [{lower} + {stride}*1]",
                "tileloadd tmm3, [{lower} + {stride}*1 + 64]",
                c = in(reg) c, lower = in(reg) lower_c, stride = in(reg) c_bytes,
                options(nostack, preserves_flags),
            );
        } else {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                options(nostack, nomem, preserves_flags),
            );
        }
        if steps > 0 {
            asm!(
                "2:",
                "tileloadd tmm6, [{b} + {b_bytes}*1]",
                "tileloadd tmm4, [{a} + {a_bytes}*1]",
                "tileloadd tmm7, [{b} + {b_bytes}*1 + 64]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{lower} + {a_bytes}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a}, 64",
                "add {lower}, 64",
                "add {b}, {b_step}",
                "dec {steps}",
                "jnz 2b",
                a = inout(reg) t.a => _,
                lower = inout(reg) lower_a => _,
                b = inout(reg) t.b => _,
                steps = inout(reg) steps => _,
                a_bytes = in(reg) ROW_STRIDE * size_of::<u32>(),
                b_bytes = in(reg) COLUMNS * size_of::<u32>(),
                b_step = const STEP * COLUMNS * size_of::<u32>(),
                options(nostack),
            );
        }
        asm!(
            "tilestored [{c} + {stride}*1], tmm0",
            "tilestored [{c} + {stride}*1 + 64], tmm1",
            "tilestored [{lower} + {stride}*1], tmm2",
            "tilestored [{lower} + {stride}*1 + 64], tmm3",
            c = in(reg) c, lower = in(reg) lower_c, stride = in(reg) c_bytes,
            options(nostack, preserves_flags),
        );
    }
}

/// Writes the sums that are results: scaled, and added to what was there.
///
/// # Safety
///
/// The processor has AVX-512, and the results of `t` are as [`Tile`] says.
#[target_feature(enable = "avx512f")]
unsafe fn store(t: &Tile, sums: &[[f32; COLUMNS]; ROWS]) {
    let scale = _mm512_set1_ps(t.scale);
    let columns = (1u64 << t.columns) - 1;
    for (i, row) in sums[..t.rows].iter().enumerate() {
        for (half, sums) in row.chunks_exact(16).enumerate() {
            let c = t.c.wrapping_add(i * t.row_stride + 16 * half);
            let mask = (columns >> (16 * half)) as __mmask16;
            // SAFETY: 16 sums; and the mask leaves results of the tile, which are written if they are added
            // to.
            unsafe {
                let mut sum = _mm512_mul_ps(_mm512_loadu_ps(sums.as_ptr()), scale);
                if t.add {
                    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, c));
                }
                _mm512_mask_storeu_ps(c, mask, sum);
            }
        }
    }
}
