use serde_json::json;

use super::*;

fn lz() -> Codec {
    Codec::new().compression(Compression::LzUtf8)
}

#[tokio::test]
async fn values_texts_and_bytes_come_back_as_they_were() {
    for codec in [Codec::new(), lz()] {
        let value = json!({ "b": [1, 2.5, null], "a": "größe größe größe" });
        let record = codec.encode(&value).await.unwrap();
        let decoded = codec.decode_bytes(&record.data).await.unwrap();
        assert_eq!(decoded, Decoded::new(Data::Json(value)));

        let record = codec.encode("plain").await.unwrap();
        assert_eq!(record, codec.encode_bytes("plain").await.unwrap());
        let decoded = codec.decode_bytes(&record.data).await.unwrap();
        assert_eq!(decoded.data, Data::Text("plain".to_owned()));
    }
    let bytes = &b"\xff\x00"[..];
    let record = Codec::new().encode_bytes(bytes).await.unwrap();
    let decoded = Codec::new().decode_bytes(&record.data).await.unwrap();
    assert_eq!(decoded.data, Data::Bytes(bytes.into()));
    let error = lz().encode_bytes(bytes).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn the_order_of_a_types_fields_is_kept() {
    #[derive(Serialize)]
    struct Order {
        zone: u8,
        amount: f64,
    }
    let record = Codec::new().encode(&Order { zone: 1, amount: 2.0 }).await.unwrap();
    assert_eq!(record.data, r#"{"zone":1,"amount":2}"#);
    let keys = std::collections::HashMap::from([((1, 2), 3)]);
    assert_eq!(Codec::new().encode(&keys).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn the_setting_decides_what_is_json() {
    let decode = async |json, text: &'static str| {
        let decoded = Codec::new().json(json).decode_bytes(text.as_bytes()).await;
        decoded.map(|decoded| decoded.data)
    };
    let text = |text: &str| Data::Text(text.to_owned());
    assert_eq!(decode(Json::Auto, "[1]").await.unwrap(), Data::Json(json!([1])));
    assert_eq!(decode(Json::Auto, "[1]\n").await.unwrap(), text("[1]\n"));
    assert_eq!(decode(Json::Auto, "1").await.unwrap(), text("1"));
    assert_eq!(decode(Json::Auto, "[see below]").await.unwrap(), text("[see below]"));
    assert_eq!(decode(Json::Always, "1").await.unwrap(), Data::Json(json!(1)));
    assert_eq!(decode(Json::Always, "[1]\n").await.unwrap(), Data::Json(json!([1])));
    assert_eq!(decode(Json::Never, "[1]").await.unwrap(), text("[1]"));
}

#[tokio::test]
async fn what_does_not_decode_is_an_error_that_keeps_it_and_shows_nothing_of_it() {
    let always = Codec::new().json(Json::Always);
    let cases: [(Codec, &[u8], Data); 5] = [
        (always.clone(), b"secret", Data::Text("secret".to_owned())),
        (always.clone(), b"secret\xff", Data::Bytes(b"secret\xff"[..].into())),
        (lz(), b"secret\xc4", Data::Bytes(b"secret\xc4"[..].into())),
        // As far as it got: it was decompressed.
        (
            always.compression(Compression::LzUtf8),
            b"secret\xc6\x06",
            Data::Text("secretsecret".to_owned()),
        ),
        (lz().max_bytes(5), b"secret", Data::Text("secret".to_owned())),
    ];
    for (codec, data, raw) in cases {
        let undecoded = codec.decode_bytes(data).await.unwrap_err();
        assert_eq!(undecoded.kind(), ErrorKind::Data);
        let shown = format!("{undecoded} {undecoded:?} {:?}", undecoded.error());
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(undecoded.into_raw(), Decoded::new(raw));
    }
}

#[tokio::test]
async fn content_becomes_a_type_in_whatever_form_it_is() {
    for json in [Json::Auto, Json::Never] {
        let decoded = Codec::new().json(json).decode_bytes(b"[1,2]").await.unwrap();
        assert_eq!(decoded.into_json::<Vec<u8>>().unwrap(), [1, 2]);
    }
    let decoded = Codec::new().decode_bytes(b"[1,\"secret\"]").await.unwrap();
    assert!(!format!("{decoded:?}").contains("secret"));
    let error = decoded.into_json::<Vec<u8>>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(!error.report().to_string().contains("secret"));
}
