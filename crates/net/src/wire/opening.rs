//! Validator to provider during an audit: the material a verifier works on, then the opened leaves (SPEC 3, 5.4).
//!
//! The material goes on to the verifier; the openings never do.

/// Asks for what was asked and answered. Served only to validators.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MaterialRequest {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub reply_id: Vec<u8>,
}

/// The frozen request and the committed answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Material {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub reply_id: Vec<u8>,
    /// The frozen body, SPEC 2.1.
    #[prost(bytes = "vec", tag = "2")]
    pub body: Vec<u8>,
    /// Generated token ids, the end token among them.
    #[prost(uint32, repeated, tag = "3")]
    pub ids: Vec<u32>,
    /// Raw text, SPEC 2.5.
    #[prost(bytes = "vec", tag = "4")]
    pub raw_text: Vec<u8>,
    /// The header leaf (index 0) with its proof.
    #[prost(message, optional, tag = "5")]
    pub header: Option<LeafOpening>,
}

/// Asks for leaves by index; 0 is the header, i + 1 is window i.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpeningRequest {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub reply_id: Vec<u8>,
    /// Leaf indices, ascending.
    #[prost(uint32, repeated, tag = "2")]
    pub leaves: Vec<u32>,
}

/// The leaves asked for, in the order of the request.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Openings {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub reply_id: Vec<u8>,
    /// One an index.
    #[prost(message, repeated, tag = "2")]
    pub openings: Vec<LeafOpening>,
}

/// One leaf with its path to the commit root.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LeafOpening {
    /// Leaf index.
    #[prost(uint32, tag = "1")]
    pub index: u32,
    /// Leaf bytes, SPEC 3.2 or 3.4.
    #[prost(bytes = "vec", tag = "2")]
    pub leaf: Vec<u8>,
    /// RFC 6962 audit path, 32 bytes a node, from the leaf up.
    #[prost(bytes = "vec", tag = "3")]
    pub proof: Vec<u8>,
}
