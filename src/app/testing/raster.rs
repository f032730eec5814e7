//! Draws a window without a graphics driver: what egui tessellates, filled in on the CPU.
//!
//! A driver's pixels depend on the driver: on how it rounds, samples and orders, and on whether
//! there is one. Positions here are whole 256ths of a pixel and coverage is decided in integers, so
//! that every machine draws the same picture, and tests can compare it with one that is committed.

use std::collections::HashMap;

use egui::epaint::{ClippedPrimitive, Mesh, Primitive, Vertex};
use egui::{ColorImage, Context, FullOutput, ImageData, Pos2, Rect, TextureId, TexturesDelta};
use egui_kittest::TestRenderer;
use image::RgbaImage;

/// Parts of a pixel, as graphics cards have.
const SUB: i64 = 256;

/// Red, green, blue and alpha from 0 to 255, gamma-encoded and multiplied by alpha, as egui has
/// them.
type Colour = [f32; 4];

/// What [`egui_kittest`] draws with in place of wgpu.
#[derive(Default)]
pub(in crate::app) struct Raster {
    textures: HashMap<TextureId, ColorImage>,
}

impl TestRenderer for Raster {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        for (id, images) in delta.set.drain() {
            for image in images {
                let ImageData::Color(new) = image.image;
                match image.pos {
                    None => {
                        self.textures.insert(id, new.as_ref().clone());
                    }
                    Some([left, top]) => {
                        let whole = self.textures.get_mut(&id).expect("a known texture");
                        for (row, line) in new.pixels.chunks(new.size[0]).enumerate() {
                            let from = (top + row) * whole.size[0] + left;
                            whole.pixels[from..from + line.len()].copy_from_slice(line);
                        }
                    }
                }
            }
        }
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    fn render(&mut self, context: &Context, output: &FullOutput) -> Result<RgbaImage, String> {
        let scale = context.pixels_per_point();
        let size = context.content_rect().size() * scale;
        let mut canvas = Canvas {
            image: RgbaImage::new(size.x.round() as u32, size.y.round() as u32),
            scale,
        };
        for ClippedPrimitive {
            clip_rect,
            primitive,
        } in context.tessellate(output.shapes.clone(), scale)
        {
            let Primitive::Mesh(mesh) = primitive else {
                return Err("the window draws with a graphics card's own commands".to_owned());
            };
            let texture = self.textures.get(&mesh.texture_id);
            let texture = texture.ok_or_else(|| format!("no texture {:?}", mesh.texture_id))?;
            canvas.mesh(&mesh, texture, clip_rect);
        }
        Ok(canvas.image)
    }
}

struct Canvas {
    image: RgbaImage,
    scale: f32,
}

/// Whole pixels: from the first to before the second, of x and y.
struct Clip {
    x: (i64, i64),
    y: (i64, i64),
}

impl Canvas {
    fn mesh(&mut self, mesh: &Mesh, texture: &ColorImage, clip: Rect) {
        let scale = self.scale;
        let within = |from: f32, to: f32, size: u32| {
            let whole = |at: f32| (f64::from(at * scale).round() as i64).clamp(0, i64::from(size));
            (whole(from), whole(to))
        };
        let clip = Clip {
            x: within(clip.min.x, clip.max.x, self.image.width()),
            y: within(clip.min.y, clip.max.y, self.image.height()),
        };
        for corners in mesh.indices.chunks_exact(3) {
            let corner = |n: usize| mesh.vertices[corners[n] as usize];
            self.triangle([corner(0), corner(1), corner(2)], texture, &clip);
        }
    }

    fn triangle(&mut self, mut corners: [Vertex; 3], texture: &ColorImage, clip: &Clip) {
        let fixed = |pos: Pos2| {
            let whole = |at: f32| (f64::from(at * self.scale) * SUB as f64).round() as i64;
            (whole(pos.x), whole(pos.y))
        };
        let mut at = corners.map(|corner| fixed(corner.pos));
        let area = Edge::between(at[0], at[1]).at(at[2]);
        if area == 0 {
            return;
        }
        if area < 0 {
            corners.swap(1, 2);
            at.swap(1, 2);
        }
        let edges = [
            Edge::between(at[1], at[2]),
            Edge::between(at[2], at[0]),
            Edge::between(at[0], at[1]),
        ];
        let top = at.iter().map(|(_, y)| *y).min().unwrap_or_default();
        let bottom = at.iter().map(|(_, y)| *y).max().unwrap_or_default();
        let rows = top.div_euclid(SUB).max(clip.y.0)..=bottom.div_euclid(SUB).min(clip.y.1 - 1);
        let paint = Paint::new(&corners, edges, area.abs(), texture);
        for row in rows {
            let mut span = (clip.x.0, clip.x.1 - 1);
            for edge in &edges {
                edge.limit(row, &mut span);
            }
            if span.0 <= span.1 {
                self.fill(row, span, &paint);
            }
        }
    }

    /// The pixels of `row` from the first to the last of `span`.
    fn fill(&mut self, row: i64, span: (i64, i64), paint: &Paint<'_>) {
        let width = i64::from(self.image.width());
        let bytes = |x: i64| ((row * width + x) * 4) as usize;
        let all: &mut [u8] = &mut self.image;
        let pixels = &mut all[bytes(span.0)..bytes(span.1 + 1)];
        if let Some(colour) = paint.flat {
            let opaque = colour.map(|part| part.round() as u8);
            for pixel in pixels.chunks_exact_mut(4) {
                if opaque[3] == 255 {
                    pixel.copy_from_slice(&opaque);
                } else {
                    blend(pixel, colour);
                }
            }
            return;
        }
        for (x, pixel) in (span.0..).zip(pixels.chunks_exact_mut(4)) {
            blend(pixel, paint.at(x, row));
        }
    }
}

fn blend(pixel: &mut [u8], colour: Colour) {
    let behind = 1.0 - colour[3] / 255.0;
    for (below, over) in pixel.iter_mut().zip(colour) {
        *below = (over + f32::from(*below) * behind).round() as u8;
    }
}

/// One side of a triangle whose corners go clockwise as seen; its inside is where [`Edge::at`] is
/// more than zero.
#[derive(Clone, Copy)]
struct Edge {
    from: (i64, i64),
    dx: i64,
    dy: i64,
}

impl Edge {
    fn between(from: (i64, i64), to: (i64, i64)) -> Self {
        Self {
            from,
            dx: to.0 - from.0,
            dy: to.1 - from.1,
        }
    }

    fn at(&self, (x, y): (i64, i64)) -> i64 {
        self.dx * (y - self.from.1) - self.dy * (x - self.from.0)
    }

    /// Keeps of `span` the pixels of `row` whose middle is inside. A middle on the edge itself
    /// belongs to the triangle of which it is a top or left edge, so that no pixel of two
    /// triangles side by side is drawn twice.
    fn limit(&self, row: i64, span: &mut (i64, i64)) {
        let owns_edge = self.dy < 0 || (self.dy == 0 && self.dx > 0);
        let first = self.at((SUB / 2, row * SUB + SUB / 2)) - i64::from(!owns_edge);
        // Inside where `first - step * x` is not below zero.
        let step = self.dy * SUB;
        if step > 0 {
            span.1 = span.1.min(first.div_euclid(step));
        } else if step < 0 {
            span.0 = span.0.max(-first.div_euclid(-step));
        } else if first < 0 {
            span.1 = span.0 - 1;
        }
    }
}

/// What a triangle is filled with.
struct Paint<'a> {
    texture: &'a ColorImage,
    edges: [Edge; 3],
    area: f32,
    colours: [Colour; 3],
    places: [Pos2; 3],
    /// Where it is the same everywhere.
    flat: Option<Colour>,
}

impl<'a> Paint<'a> {
    fn new(corners: &[Vertex; 3], edges: [Edge; 3], area: i64, texture: &'a ColorImage) -> Self {
        let places = corners.map(|corner| corner.uv);
        let colours = corners.map(|corner| corner.color.to_array().map(f32::from));
        let alike = places == [places[0]; 3] && colours == [colours[0]; 3];
        Self {
            texture,
            edges,
            area: area as f32,
            colours,
            places,
            flat: alike.then(|| times(colours[0], sample(texture, places[0]))),
        }
    }

    fn at(&self, x: i64, y: i64) -> Colour {
        let middle = (x * SUB + SUB / 2, y * SUB + SUB / 2);
        let weights = self.edges.map(|edge| edge.at(middle) as f32 / self.area);
        let mut colour = [0.0; 4];
        let mut place = Pos2::ZERO;
        for (n, weight) in weights.into_iter().enumerate() {
            for (sum, part) in colour.iter_mut().zip(self.colours[n]) {
                *sum += weight * part;
            }
            place += self.places[n].to_vec2() * weight;
        }
        times(colour, sample(self.texture, place))
    }
}

fn times(colour: Colour, texel: Colour) -> Colour {
    std::array::from_fn(|n| colour[n] * texel[n] / 255.0)
}

/// The texture at `place` (from 0 to 1), between its four nearest texels.
fn sample(texture: &ColorImage, place: Pos2) -> Colour {
    let [width, height] = texture.size;
    let x = place.x * width as f32 - 0.5;
    let y = place.y * height as f32 - 0.5;
    let texel = |dx: f32, dy: f32| {
        // Below zero becomes zero.
        let within = |at: f32, size: usize| (at.floor() as usize).min(size - 1);
        let at = within(y + dy, height) * width + within(x + dx, width);
        texture.pixels[at].to_array().map(f32::from)
    };
    let (right, below) = (x - x.floor(), y - y.floor());
    let between =
        |a: Colour, b: Colour, part: f32| std::array::from_fn(|n| a[n] + (b[n] - a[n]) * part);
    let above = between(texel(0.0, 0.0), texel(1.0, 0.0), right);
    let under = between(texel(0.0, 1.0), texel(1.0, 1.0), right);
    between(above, under, below)
}
