//! Model ids (SPEC 1.4): `ogong/<tier>/<maker>/<model>`.

/// Bytes that a maker or a model may have.
const PART_BYTES_MAX: usize = 64;

/// Whether `id` is a model id.
pub fn is_valid(id: &str) -> bool {
    let mut parts = id.split('/');
    let head = parts.next() == Some("ogong") && matches!(parts.next(), Some("verified" | "tee"));
    head && parts.next().is_some_and(part_is_valid) && parts.next().is_some_and(part_is_valid) && parts.next().is_none()
}

fn part_is_valid(part: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    (1..=PART_BYTES_MAX).contains(&part.len()) && !part.starts_with('.') && part.bytes().all(allowed)
}
