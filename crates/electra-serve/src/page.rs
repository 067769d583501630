//! The page at `/`: its files are part of the program.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::state::Service;

/// Path, media type and content of each file.
pub(crate) const FILES: [(&str, &str, &str); 8] = [
    ("/", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("../page/page.css")),
    ("/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/asking.js", SCRIPT, include_str!("../page/asking.js")),
    ("/copies.js", SCRIPT, include_str!("../page/copies.js")),
    ("/names.js", SCRIPT, include_str!("../page/names.js")),
    ("/replaced.js", SCRIPT, include_str!("../page/replaced.js")),
    ("/icon.svg", "image/svg+xml", include_str!("../page/icon.svg")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The paths of the page.
pub(crate) fn router() -> Router<Service> {
    FILES.into_iter().fold(Router::new(), |router, (path, media_type, content)| {
        router.route(path, file(media_type, content))
    })
}

fn file(media_type: &'static str, content: &'static str) -> axum::routing::MethodRouter<Service> {
    // Asked for anew each time: the files are small, and are those of the program that runs now.
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")];
    get(move || std::future::ready((headers, content).into_response()))
}
