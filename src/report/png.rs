//! An SVG of ours as a PNG: drawn on the CPU with the fonts that the app brings along, so that it
//! looks the same on every machine and takes nothing from the GPU.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};

use super::chart::Svg;
use super::document::ReportError;

/// Pixels per point: sharp on a Retina screen.
pub const SCALE: f32 = 2.0;
/// A picture of this many pixels takes 400 MB while it is drawn.
const MOST_PIXELS: u64 = 100_000_000;

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for font in [
        include_bytes!("../../assets/fonts/Inter-Regular.otf").as_slice(),
        include_bytes!("../../assets/fonts/Inter-Medium.otf").as_slice(),
        include_bytes!("../../assets/fonts/Inter-SemiBold.otf").as_slice(),
    ] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("Inter");
    Arc::new(fonts)
});

/// The bytes of a PNG file with twice as many pixels as the SVG has points.
///
/// # Errors
/// The picture is too large.
pub fn render(svg: &Svg) -> Result<Vec<u8>, ReportError> {
    let encode = |why: String| ReportError::Encode {
        what: "picture",
        why,
    };
    let options = usvg::Options {
        font_family: "Inter".to_owned(),
        fontdb: Arc::clone(&FONTS),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(&svg.file(), &options).map_err(|e| encode(e.to_string()))?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(SCALE)
        .ok_or_else(|| encode("it has no size".to_owned()))?;
    let (width, height) = (size.width(), size.height());
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(ReportError::TooLarge { width, height });
    }
    let mut pixmap = Pixmap::new(width, height).ok_or(ReportError::TooLarge { width, height })?;
    let scale = Transform::from_scale(SCALE, SCALE);
    resvg::render(&tree, scale, &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|e| encode(e.to_string()))
}
