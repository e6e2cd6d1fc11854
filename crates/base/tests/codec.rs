//! The codec by property: what is written reads back, and nothing else reads (SPEC §0).

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::{ModelId, NumericClass, Tier};
use proptest::prelude::*;

fn class() -> impl Strategy<Value = NumericClass> {
    ("[ -~]{0,40}", "[ -~]{0,40}", "\\PC{0,12}", "[a-z0-9_]{1,8}", any::<bool>(), any::<bool>()).prop_map(
        |(engine, backend, weight_format, kv_dtype, flash_attention, exact)| NumericClass {
            engine,
            backend,
            weight_format,
            kv_dtype,
            flash_attention,
            exact,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn a_class_reads_back_and_refuses_more_or_less(class in class(), tail in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let bytes = class.to_bytes();
        prop_assert_eq!(NumericClass::from_bytes(&bytes), Ok(class));
        let short = &bytes[..cut.index(bytes.len())];
        prop_assert!(NumericClass::from_bytes(short).is_err());
        let long = [bytes.as_slice(), &[tail]].concat();
        prop_assert_eq!(NumericClass::from_bytes(&long), Err(DecodeError::Trailing(1)));
    }

    #[test]
    fn integers_and_lists_read_back(a in any::<u16>(), b in any::<i32>(), c in any::<i16>(), list in prop::collection::vec(any::<u64>(), 0..9), o in any::<Option<u32>>()) {
        let mut w = Writer::new();
        w.u16(a).i32(b).i16(c);
        w.list(&list, |w, v| { w.u64(*v); });
        w.opt(o.as_ref(), |w, v| { w.u32(*v); });
        let bytes = w.finish();
        let mut r = Reader::new(&bytes);
        prop_assert_eq!((r.u16(), r.i32(), r.i16()), (Ok(a), Ok(b), Ok(c)));
        prop_assert_eq!(r.list(9, Reader::u64), Ok(list));
        prop_assert_eq!(r.opt(Reader::u32), Ok(o));
        prop_assert_eq!(r.finish(), Ok(()));
    }

    #[test]
    fn varints_are_minimal_and_read_back(v in any::<u32>()) {
        let mut w = Writer::new();
        w.varint(v);
        let bytes = w.finish();
        prop_assert!(bytes.len() <= 5);
        prop_assert_eq!(Reader::new(&bytes).varint(), Ok(v));
        let mut padded = bytes;
        let last = padded.pop().expect("a varint has a byte");
        padded.extend([last | 0x80, 0]);
        prop_assert!(Reader::new(&padded).varint().is_err());
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = NumericClass::from_bytes(&bytes);
        let _ = ModelId::from_bytes(&bytes);
        let _ = Reader::new(&bytes).varint();
    }
}

#[test]
fn bounds_hold_at_their_edge() {
    let mut w = Writer::new();
    w.bytes(&[7; 10]);
    let bytes = w.finish();
    assert_eq!(Reader::new(&bytes).bytes(10), Ok([7; 10].as_slice()));
    assert_eq!(Reader::new(&bytes).bytes(9), Err(DecodeError::TooLong { what: "bytes", got: 10, max: 9 }));
    assert_eq!(
        Reader::new(&u32::MAX.to_le_bytes()).list(usize::MAX, Reader::u8),
        Err(DecodeError::Truncated { needed: 1, left: 0 })
    );
    assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).varint().is_err(), "33 bits");
    assert!(Reader::new(&[0x80; 6]).varint().is_err());
    assert_eq!(Reader::new(&[2]).bool(), Err(DecodeError::invalid("bool", 2)));
    assert_eq!(Reader::new(&[1, 0, 0, 0, 0xff]).str(9), Err(DecodeError::NotUtf8));
}

#[test]
fn a_model_id_decodes_as_strictly_as_it_parses() {
    let id = ModelId::new(Tier::Verified, "smollm2", "135m-instruct").expect("well formed");
    assert_eq!(ModelId::from_bytes(&id.to_bytes()), Ok(id));
    let mut w = Writer::new();
    w.str("ogong/verified/SmolLM2/x");
    assert!(ModelId::from_bytes(&w.finish()).is_err());
}
