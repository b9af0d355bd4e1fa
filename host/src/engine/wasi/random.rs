//! Random that is a function of the vat's seed and its incarnation, so that a crank can be told again exactly.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::engine::host::Host;
use crate::engine::limits::{Broken, RANDOM_BYTES_MAX};

/// One incarnation's stream of random bytes.
pub(crate) struct Random {
    stream: ChaCha20Rng,
    /// For hash tables; the same however often it is asked for.
    seed: (u64, u64),
}

impl Random {
    pub(crate) fn new(seed: [u8; 32], incarnation: u64) -> Random {
        let mut stream = ChaCha20Rng::from_seed(seed);
        stream.set_stream(incarnation);
        let seed = (stream.next_u64(), stream.next_u64());
        Random { stream, seed }
    }

    fn bytes(&mut self, bytes: u64) -> Result<Vec<u8>, Broken> {
        if bytes > RANDOM_BYTES_MAX {
            return Err(Broken::Random { bytes });
        }
        let mut buffer = vec![0; bytes as usize];
        self.stream.fill_bytes(&mut buffer);
        Ok(buffer)
    }
}

impl random::Host for Host {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        Ok(self.random.bytes(len)?)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random.stream.next_u64())
    }
}

/// "Insecure" allows weaker bytes; there is no need for any.
impl insecure::Host for Host {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        Ok(self.random.bytes(len)?)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random.stream.next_u64())
    }
}

impl insecure_seed::Host for Host {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok(self.random.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_incarnation_give_the_same_bytes_and_another_one_others() {
        let bytes = |seed, incarnation| Random::new([seed; 32], incarnation).bytes(100).expect("few enough");
        assert_eq!(bytes(1, 1), bytes(1, 1));
        assert_ne!(bytes(1, 1), bytes(1, 2));
        assert_ne!(bytes(1, 1), bytes(2, 1));
    }

    #[test]
    fn random_is_bounded() {
        assert_eq!(Random::new([0; 32], 1).bytes(u64::MAX), Err(Broken::Random { bytes: u64::MAX }));
    }
}
