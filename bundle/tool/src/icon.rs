//! The icon: drawings of ours in `assets/`, rendered at every size that macOS asks for.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use icns::{IconFamily, IconType, Image, PixelFormat};
use resvg::tiny_skia::{Pixmap, PremultipliedColorU8, Transform};
use resvg::usvg::{Options, Tree};

const DRAWING: &str = include_str!("../../../assets/icon.svg");
/// Fewer and larger parts, for sizes at which those of the other would run together.
const SMALL_DRAWING: &str = include_str!("../../../assets/icon-small.svg");
const LARGEST_SMALL_PX: u32 = 32;

/// Points and scale of each, as `iconutil` of macOS makes them; the crate's name for the 32-point
/// one says 2x, for it is the same 32 pixels.
pub const TYPES: [(IconType, &str); 10] = [
    (IconType::RGBA32_16x16_ARGB, "16"),
    (IconType::RGBA32_16x16_2x, "16@2x"),
    (IconType::RGBA32_16x16_2x_ARGB, "32"),
    (IconType::RGBA32_32x32_2x, "32@2x"),
    (IconType::RGBA32_128x128, "128"),
    (IconType::RGBA32_128x128_2x, "128@2x"),
    (IconType::RGBA32_256x256, "256"),
    (IconType::RGBA32_256x256_2x, "256@2x"),
    (IconType::RGBA32_512x512, "512"),
    (IconType::RGBA32_512x512_2x, "512@2x"),
];

/// All sizes in one family, as an `.icns` file holds them.
pub fn family() -> Result<IconFamily> {
    let mut family = IconFamily::new();
    for (kind, name) in TYPES {
        let image = image(kind.pixel_width())?;
        family
            .add_icon_with_type(&image, kind)
            .with_context(|| format!("the icon of {name} points cannot be encoded"))?;
    }
    Ok(family)
}

/// Writes PNGs, named by their size in pixels.
pub fn write_pictures(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for size_px in [16, 32, 64, 128, 256, 512, 1024] {
        let path = folder.join(format!("{size_px}.png"));
        render(size_px)?
            .save_png(&path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn image(size_px: u32) -> Result<Image> {
    // The renderer multiplies colours by their opacity; icon files keep the two apart.
    let straight = |pixel: &PremultipliedColorU8| {
        let colour = pixel.demultiply();
        [colour.red(), colour.green(), colour.blue(), colour.alpha()]
    };
    let pixels = render(size_px)?
        .pixels()
        .iter()
        .flat_map(straight)
        .collect();
    Ok(Image::from_data(
        PixelFormat::RGBA,
        size_px,
        size_px,
        pixels,
    )?)
}

fn render(size_px: u32) -> Result<Pixmap> {
    let drawing = if size_px <= LARGEST_SMALL_PX {
        SMALL_DRAWING
    } else {
        DRAWING
    };
    let tree = Tree::from_str(drawing, &Options::default())
        .context("a drawing in assets/ cannot be read as SVG")?;
    let size = tree.size();
    ensure!(
        (size.width() - size.height()).abs() < f32::EPSILON,
        "the icon's drawing is not square"
    );
    let mut pixmap = Pixmap::new(size_px, size_px).context("an icon without size")?;
    let scale = size_px as f32 / size.width();
    // Of 16 pixels the small drawing's parts take 13, an odd number: half a pixel to the side and they
    // lie on whole ones.
    let shift_px = if size_px == 16 { -0.5 } else { 0.0 };
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale).post_translate(shift_px, shift_px),
        &mut pixmap.as_mut(),
    );
    Ok(pixmap)
}
