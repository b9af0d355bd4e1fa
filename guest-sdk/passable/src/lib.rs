//! What can be passed between vats: the data model and its CBOR.
