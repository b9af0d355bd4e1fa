//! What the author of a vat sees.
