//! Images in prompts: llama.cpp's mtmd cuts a prompt into text and images and encodes the images with a projector (`--mmproj`).
//!
//! A prompt stays a list of ids, one for each *position* of the sequence. Where an image stands, the ids are none of the
//! vocabulary: bits of a hash over the image, so that memory of prompts ([`crate::memory`]) compares images as it compares
//! tokens. An image may fill more cells of the context than it takes positions (M-RoPE), so it says both.

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::{ImageReader, Limits, RgbImage};
use llama_cpp_4::model::LlamaModel;
use llama_cpp_4::mtmd::{
    MtmdBitmap, MtmdContext, MtmdContextParams, MtmdInputChunkType, MtmdInputChunks, MtmdInputText,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, RequestError};
use crate::raw::{Chunks, Context, take_log};

/// Images of one request at most.
const IMAGES_MAX: usize = 64;
/// Bytes of one image's file at most.
const IMAGE_BYTES_MAX: usize = 32 << 20;
/// Bytes of its pixels at most: a small file may hold a picture that fills all memory.
const DECODED_BYTES_MAX: u64 = 256 << 20;
/// Ids of images have this bit, which no token has.
const IMAGE_BIT: u32 = 1 << 31;
/// What callers of the native completion write where an image goes. Source: `mtmd_default_marker`.
pub const MARKER: &str = "<__media__>";

/// A prompt: one id for each position, and the images among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Token ids, and ids of images.
    pub ids: Vec<u32>,
    /// The images, in order.
    pub images: Arc<[Image]>,
}

impl From<Vec<u32>> for Prompt {
    fn from(ids: Vec<u32>) -> Self {
        Self { ids, images: Arc::default() }
    }
}

impl Prompt {
    /// Cells of the context that the prompt fills.
    pub fn cells(&self) -> usize {
        self.images.iter().map(|image| image.cells.saturating_sub(image.positions)).sum::<usize>() + self.ids.len()
    }

    /// The ids that are tokens.
    pub fn tokens(&self) -> Vec<u32> {
        self.ids.iter().copied().filter(|id| !is_image(*id)).collect()
    }

    /// The image that begins at `position`.
    pub fn image_at(&self, position: usize) -> Option<&Image> {
        self.images.iter().find(|image| image.start == position)
    }

    /// The first position of the next image from `position` on.
    pub fn next_image(&self, position: usize) -> Option<usize> {
        self.images.iter().map(|image| image.start).find(|start| *start >= position)
    }

    /// `positions`, or fewer where that many would end inside an image.
    pub fn whole_images(&self, positions: usize) -> usize {
        let cut = self.images.iter().find(|image| image.start < positions && positions < image.end());
        cut.map_or(positions, |image| image.start)
    }
}

/// Whether an id is an image's.
pub fn is_image(id: u32) -> bool {
    id & IMAGE_BIT != 0
}

/// An image's place in a prompt.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its first position.
    pub start: usize,
    /// How many positions it takes.
    pub positions: usize,
    /// How many cells of the context it fills.
    pub cells: usize,
    pieces: Arc<Chunks>,
    index: usize,
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        (self.start, self.positions, self.index) == (other.start, other.positions, other.index)
            && Arc::ptr_eq(&self.pieces, &other.pieces)
    }
}

impl Eq for Image {}

impl Image {
    fn end(&self) -> usize {
        self.start + self.positions
    }
}

/// What turns images into rows for a model.
#[derive(Debug)]
pub struct Projector {
    mtmd: RwLock<MtmdContext>,
    /// Stands for an image in text; random, so that no text can hold it by chance or on purpose.
    marker: String,
}

impl Projector {
    /// Loads the projector at `path` for `model`.
    ///
    /// # Errors
    /// When it cannot be loaded, is another model's, or sees nothing.
    pub fn load(path: &Path, model: &LlamaModel, threads: u32, gpu: bool) -> Result<Self, Error> {
        let failed = |log: String| Error::Projector { path: path.to_owned(), log };
        if let Err(source) = std::fs::File::open(path) {
            return Err(Error::ModelFile { path: path.to_owned(), source });
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| failed(error.to_string()))?;
        let marker = format!("<__media_{}__>", hex::encode(random));
        let params = MtmdContextParams::default()
            .use_gpu(gpu)
            .print_timings(false)
            .warmup(false)
            .n_threads(i32::try_from(threads).unwrap_or(i32::MAX))
            .media_marker(Some(&marker))
            .map_err(|error| failed(error.to_string()))?;
        take_log();
        let mtmd = MtmdContext::init_from_file(path, model, params).map_err(|_| failed(take_log()))?;
        if !mtmd.supports_vision() {
            return Err(failed("it is for no images".into()));
        }
        Ok(Self { mtmd: RwLock::new(mtmd), marker })
    }

    /// Cuts a prompt with a marker for each of `pictures` into text and images.
    ///
    /// # Errors
    /// When a picture is none.
    pub fn prompt(&self, text: &str, add_special: bool, pictures: &[Picture]) -> Result<Prompt, RequestError> {
        let mtmd = self.mtmd.read().unwrap_or_else(PoisonError::into_inner);
        let bitmaps = pictures.iter().map(|picture| picture.bitmap()).collect::<Result<Vec<_>, _>>()?;
        let mut pieces = MtmdInputChunks::new();
        let text = MtmdInputText::new(text, add_special, true);
        mtmd.tokenize(&text, &bitmaps.iter().collect::<Vec<_>>(), &mut pieces)
            .map_err(|error| wrong(format!("cannot be prepared for this model: {error} {}", take_log())))?;
        Ok(laid_out(&Arc::new(Chunks::new(pieces))))
    }

    /// Encodes `image` and puts its rows into `sequence`.
    ///
    /// # Errors
    /// When the encoder or llama.cpp fails.
    pub fn decode(&self, context: &mut Context<'_>, image: &Image, sequence: u32) -> Result<(), Error> {
        let mut mtmd = self.mtmd.write().unwrap_or_else(PoisonError::into_inner);
        let piece = image.pieces.get(image.index).ok_or(Error::Stopped)?;
        let position = u32::try_from(image.start).unwrap_or(u32::MAX);
        context.decode_media(&mut mtmd, &piece, position, sequence)
    }

    /// Takes the pictures out of a chat's messages and leaves a marker for each.
    ///
    /// # Errors
    /// When a picture is no data URL of one.
    pub fn take_pictures(&self, messages: &mut Value) -> Result<Vec<Picture>, RequestError> {
        let mut pictures = Vec::new();
        let contents = messages.as_array_mut().into_iter().flatten().filter_map(|message| message.get_mut("content"));
        for part in contents.filter_map(Value::as_array_mut).flatten() {
            if part.get("type").and_then(Value::as_str) == Some("image_url") {
                let url = part.pointer("/image_url/url").or(part.get("image_url")).and_then(Value::as_str);
                pictures.push(Picture::from_url(url.unwrap_or_default())?);
                *part = json!({"type": "media_marker", "text": self.marker});
            }
        }
        few_enough(pictures)
    }

    /// The native completion's `{"prompt_string": …, "multimodal_data": […]}`.
    ///
    /// # Errors
    /// When a member is wrong, or there is another number of images than of places for them.
    pub fn native(&self, prompt: &Value, add_special: bool) -> Result<Prompt, RequestError> {
        let text = prompt.get("prompt_string").and_then(Value::as_str).ok_or_else(|| wrong("needs a prompt_string"))?;
        let data = prompt.get("multimodal_data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let picture = |item: &Value| Picture::from_base64(item.as_str().unwrap_or_default());
        let pictures = few_enough(data.iter().map(picture).collect::<Result<_, _>>()?)?;
        let places = text.matches(MARKER).count();
        if places != pictures.len() {
            let why = format!("holds {places} of {MARKER} for {} images", pictures.len());
            return Err(RequestError::member("prompt", why));
        }
        if text.contains('\0') {
            return Err(RequestError::member("prompt", "text must not contain NUL"));
        }
        self.prompt(&text.replace(MARKER, &self.marker), add_special, &pictures)
    }
}

fn few_enough(pictures: Vec<Picture>) -> Result<Vec<Picture>, RequestError> {
    if pictures.len() > IMAGES_MAX {
        return Err(wrong(format!("a request holds at most {IMAGES_MAX}")));
    }
    Ok(pictures)
}

/// Ids and images of a prompt that was cut up.
fn laid_out(pieces: &Arc<Chunks>) -> Prompt {
    let mut ids = Vec::new();
    let mut images = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        if piece.chunk_type() == MtmdInputChunkType::Text {
            let tokens = piece.text_tokens().unwrap_or_default();
            ids.extend(tokens.iter().filter_map(|token| u32::try_from(*token).ok()));
            continue;
        }
        let positions = usize::try_from(piece.n_pos()).unwrap_or(0);
        // Slices of one picture share its name; which of them this is says its place among its neighbours.
        let name = format!("{}/{index}", piece.id().unwrap_or_default());
        images.push(Image { start: ids.len(), positions, cells: piece.n_tokens(), pieces: Arc::clone(pieces), index });
        ids.extend((0..positions).map(|nth| image_id(&name, nth)));
    }
    Prompt { ids, images: images.into() }
}

/// The id that stands for an image at the `nth` of its positions.
fn image_id(name: &str, nth: usize) -> u32 {
    let hash = Sha256::new().chain_update(name).chain_update(nth.to_be_bytes()).finalize();
    let word = hash.first_chunk().copied().unwrap_or_default();
    u32::from_be_bytes(word) | IMAGE_BIT
}

/// A picture's pixels. Its file is read by safe code: it may come from anyone.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture(RgbImage);

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Picture").field(&self.0.dimensions()).finish()
    }
}

impl Picture {
    /// From `data:image/…;base64,…`.
    fn from_url(url: &str) -> Result<Self, RequestError> {
        let Some((kind, data)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(',')) else {
            return Err(wrong("must be a data URL; this engine fetches nothing"));
        };
        if !kind.ends_with(";base64") {
            return Err(wrong("must be in base64: data:image/png;base64,…"));
        }
        Self::from_base64(data)
    }

    fn from_base64(data: &str) -> Result<Self, RequestError> {
        let bytes = BASE64_STANDARD.decode(data.trim()).map_err(|error| wrong(format!("is not base64: {error}")))?;
        if bytes.len() > IMAGE_BYTES_MAX {
            return Err(wrong(format!("is larger than {} MiB", IMAGE_BYTES_MAX >> 20)));
        }
        let unread =
            |error: &dyn std::fmt::Display| wrong(format!("cannot be read as PNG, JPEG, GIF, WebP or BMP: {error}"));
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| unread(&error))?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(DECODED_BYTES_MAX);
        reader.limits(limits);
        Ok(Self(reader.decode().map_err(|error| unread(&error))?.into_rgb8()))
    }

    fn bitmap(&self) -> Result<MtmdBitmap, RequestError> {
        let mut bitmap = MtmdBitmap::from_rgb(self.0.width(), self.0.height(), &self.0)
            .map_err(|_| wrong(format!("cannot be taken: {}", take_log())))?;
        let (width, height) = self.0.dimensions();
        let name = format!("{width}x{height} {}", hex::encode(Sha256::digest(&*self.0)));
        bitmap.set_id(&name).map_err(|error| wrong(error.to_string()))?;
        Ok(bitmap)
    }
}

fn wrong(why: impl std::fmt::Display) -> RequestError {
    RequestError::member("image_url", format!("the image {why}"))
}
