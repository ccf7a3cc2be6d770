//! An observation under construction: the only way in which a dissector states anything.

use super::*;

/// An observation under construction: fields in the order of the PDU. Recorded when dropped.
pub struct Saying<'s, 'a> {
    pub(super) cx: &'s mut Context<'a>,
}

impl Saying<'_, '_> {
    /// No PDU says more of one subject that is worth keeping.
    const FIELDS_MAX: usize = observations::Observation::FIELDS_MAX;

    fn field(&mut self, field: Field, spans: Where, derivation: Option<&'static str>, value: impl FnOnce(&mut Vec<u8>) -> bool) {
        if self.cx.scratch.places.len() >= Self::FIELDS_MAX {
            self.cx.troubles.limit("fields of one observation");
            return;
        }
        let key = &mut self.cx.scratch.key;
        put_field(key, field);
        let quotable = value(key);
        // Text and bytes end the key so far; their length stands before them and is not part of the quote.
        let value = if let (true, Where::Slice(_, length)) = (quotable, &spans) {
            let kept = (*length).min(Value::BYTES_MAX);
            Some((key.len().saturating_sub(kept), key.len()))
        } else {
            None
        };
        self.cx.scratch.places.push(Place { spans, derivation, value });
    }

    /// Text, quoted as it stands. Empty text is nothing said.
    pub fn text(mut self, field: Field, slice: &[u8]) -> Self {
        if !slice.is_empty() {
            self.field(field, place(slice), None, |key| {
                put_text_value(key, slice);
                true
            });
        }
        self
    }

    /// Text with white space and NULs around it left out.
    pub fn trimmed(self, field: Field, slice: &[u8]) -> Self {
        self.text(field, trim(slice))
    }

    /// Bytes that are no text.
    pub fn bytes(mut self, field: Field, slice: &[u8]) -> Self {
        if !slice.is_empty() {
            self.field(field, place(slice), None, |key| {
                put_bytes_value(key, slice);
                true
            });
        }
        self
    }

    /// A number, with the bytes that hold it.
    pub fn number(mut self, field: Field, number: u64, slice: &[u8]) -> Self {
        self.field(field, place(slice), None, |key| {
            put_value(key, &Value::Number(number));
            false
        });
        self
    }

    /// A MAC address that stands there in transmission order.
    pub fn mac(mut self, field: Field, mac: Mac, slice: &[u8]) -> Self {
        self.field(field, place(slice), None, |key| {
            put_value(key, &Value::Mac(mac));
            false
        });
        self
    }

    /// An IP address that stands there in network order.
    pub fn ip(mut self, field: Field, ip: IpAddr, slice: &[u8]) -> Self {
        self.field(field, place(slice), None, |key| {
            put_value(key, &Value::Ip(ip));
            false
        });
        self
    }

    /// A value that was decoded from the bytes; `derivation` names how (`utf-16le`, `dns-name`, `sha256`, `ber-oid`).
    pub fn decoded(mut self, field: Field, value: &Value, slice: &[u8], derivation: &'static str) -> Self {
        self.field(field, place(slice), Some(derivation), |key| {
            put_value(key, value);
            false
        });
        self
    }

    /// A value that follows from the PDU being there at all.
    pub fn implied(mut self, field: Field, value: &Value) -> Self {
        self.field(field, Where::Nowhere, None, |key| {
            put_value(key, value);
            false
        });
        self
    }

    /// A value in a header of the frame, below the payload: offset and length in the captured bytes.
    pub(crate) fn in_frame(mut self, field: Field, value: &Value, offset: u32, length: u32) -> Self {
        self.field(field, Where::Frame(offset, length), None, |key| {
            put_value(key, value);
            false
        });
        self
    }

    /// As [`Saying::in_frame`], of a value that was made from those bytes.
    pub(crate) fn in_frame_derived(mut self, field: Field, value: &Value, offset: u32, length: u32, derivation: &'static str) -> Self {
        self.field(field, Where::Frame(offset, length), Some(derivation), |key| {
            put_value(key, value);
            false
        });
        self
    }

    /// The source address of the frame, with where it stands in the link header if it is found there.
    pub fn source_mac(self, field: Field) -> Self {
        let (frame, data) = (self.cx.sight.frame, self.cx.sight.data);
        let mac = frame.src_mac;
        if !frame.has_macs {
            return self;
        }
        /// The address stands before an EtherType and up to two tags of four bytes.
        const BEFORE: [u32; 3] = [8, 12, 16];
        let places = BEFORE.iter().filter_map(|before| frame.payload_offset.checked_sub(*before));
        let at = places.into_iter().find(|at| data.get(*at as usize..).is_some_and(|data| data.starts_with(&mac.0)));
        match at {
            Some(at) => self.in_frame(field, &Value::Mac(mac), at, 6),
            None => self.implied(field, &Value::Mac(mac)),
        }
    }

    /// Goes on only if there is a value.
    pub fn maybe<T>(self, value: Option<T>, say: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => say(self, value),
            None => self,
        }
    }
}

impl Drop for Saying<'_, '_> {
    fn drop(&mut self) {
        if !self.cx.scratch.places.is_empty() {
            self.cx.commit();
        }
    }
}
