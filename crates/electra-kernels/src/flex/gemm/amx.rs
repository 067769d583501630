//! The innermost loop of a product on AMX: 32 x 32 results in four tile registers.
//!
//! A tile register holds 16 rows of 64 bytes: 16 x 16 results, 16 rows of `a` or 16 units of depth
//! of `b`. The compiler knows nothing of these registers, so each piece of their life is one block
//! of assembly, and no value passes between blocks but through memory.

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::tile::{COLUMNS, ROW_STRIDE, Tile};

/// Rows of a tile: two registers.
pub const ROWS: usize = 32;
/// Units of depth that one instruction takes.
pub const STEP: usize = 16;

/// Whether this processor has AMX for bfloat16 and the system lets this process use it. Asked once.
pub fn has_amx() -> bool {
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

/// The tile registers of this thread, from here until it is dropped.
pub struct Registers(());

impl Registers {
    /// Makes the registers ready.
    ///
    /// # Safety
    ///
    /// [`has_amx`] is true.
    pub unsafe fn take() -> Self {
        // SAFETY: the instruction exists, and reads 64 bytes that are valid.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const WHOLE, options(nostack, readonly, preserves_flags))
        };
        Self(())
    }
}

impl Drop for Registers {
    fn drop(&mut self) {
        // SAFETY: the instruction exists. Registers at rest cost nothing when threads take turns.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// Computes a tile.
///
/// # Safety
///
/// The panels hold what [`Tile`] says, to a whole number of [`STEP`]s, with zeros behind the depth;
/// that of `a` has room for all [`ROWS`], and what lies behind its `rows` reaches no result. `rows`
/// times `columns` results are valid, and nobody else uses them.
pub unsafe fn tile(_: &Registers, t: &Tile) {
    let whole = t.rows == ROWS && t.columns == COLUMNS;
    if whole && t.scale == 1.0 {
        // SAFETY: the caller's promise.
        return unsafe { multiply(t, t.c, t.row_stride, t.add) };
    }
    let mut sums = [[0.0f32; COLUMNS]; ROWS];
    // SAFETY: the sums have room for a whole tile.
    unsafe {
        multiply(t, sums.as_mut_ptr().cast(), COLUMNS, false);
        store(t, &sums);
    }
}

/// `c = a b` or `c += a b`, whole.
unsafe fn multiply(t: &Tile, c: *mut f32, row_stride: usize, add: bool) {
    let steps = t.depth.div_ceil(STEP);
    let lower_a = t.a.wrapping_add(ROWS / 2 * ROW_STRIDE);
    let lower_c = c.wrapping_add(ROWS / 2 * row_stride);
    let c_bytes = row_stride * size_of::<f32>();
    // SAFETY: the registers are configured (`Registers`), and of what is read and written each row
    // is inside its panel or the results.
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
#[target_feature(enable = "avx512f")]
unsafe fn store(t: &Tile, sums: &[[f32; COLUMNS]; ROWS]) {
    let scale = _mm512_set1_ps(t.scale);
    let columns = (1u64 << t.columns) - 1;
    for (i, row) in sums[..t.rows].iter().enumerate() {
        for (half, sums) in row.chunks_exact(16).enumerate() {
            let c = t.c.wrapping_add(i * t.row_stride + 16 * half);
            let mask = (columns >> (16 * half)) as __mmask16;
            // SAFETY: the mask leaves the tile's own results.
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
