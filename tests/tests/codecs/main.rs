//! The codecs of the other languages read and write what the one in Rust does: the same bytes, and the same refusals.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ocap_passable::{Failure, Value, decode, encode};
use ocap_tests::repository;

/// A fixed linear congruential generator (Knuth's MMIX constants): the same values in each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % below
    }

    fn text(&mut self) -> String {
        (0..self.next(30)).map(|_| char::from_u32(97 + self.next(0x2_0000) as u32).unwrap_or('x')).collect()
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.next(most)).map(|_| self.next(256) as u8).collect()
    }

    /// An integer or a float of any size. Halves and singles are among the floats.
    fn number(&mut self) -> Value {
        let bits = self.next(1 << 31) << 33 | self.next(1 << 31);
        match self.next(6) {
            0 => Value::Integer(i128::from(self.next(1000)) - 500),
            1 => Value::Integer(i128::from(bits as i64) >> self.next(64)),
            2 => decode(&[&[0xc2 + self.next(2) as u8, 0x51, 1], self.bytes(17).as_slice(), &[0; 16]].concat()[..19])
                .expect("a big integer of 17 bytes"),
            3 => Value::Float(f64::from_bits(bits)),
            4 => Value::Float(f32::from_bits(bits as u32).into()),
            _ => Value::Float((bits as i32 >> self.next(31)) as f64 / 1024.0),
        }
    }

    fn value(&mut self, levels: u64) -> Value {
        match self.next(if levels == 0 { 9 } else { 13 }) {
            0 => Value::Undefined,
            1 => Value::Null,
            2 => Value::Bool(self.next(2) == 1),
            3 | 4 => self.number(),
            5 => Value::String(self.text()),
            6 => Value::Symbol(self.text()),
            7 => Value::Bytes(self.bytes(300)),
            8 => Value::Error(Failure { name: self.text(), message: self.text() }),
            9 => Value::Cap(0),
            10 => Value::List((0..self.next(30)).map(|_| self.value(levels - 1)).collect()),
            11 => Value::Struct((0..self.next(5)).map(|_| (self.text(), self.value(levels - 1))).collect()),
            _ => Value::Tagged(self.text(), Box::new(self.value(levels - 1))),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Good values, then the same with a few bytes changed, then nests that are too deep, and the sides of each limit.
fn bodies() -> Vec<Vec<u8>> {
    let mut noise = Noise(7);
    let good: Vec<Vec<u8>> = (0..1500).map(|_| encode(&noise.value(4))).collect();
    let mut bodies = good.clone();
    for mut body in good {
        for _ in 0..1 + noise.next(3) {
            let at = noise.next(body.len().max(1) as u64) as usize;
            body[at] = noise.next(256) as u8;
        }
        bodies.push(body);
    }
    bodies.extend((0..1500).map(|_| noise.bytes(40)).filter(|body| !body.is_empty()));
    for levels in [64, 65, 1000] {
        bodies.push([vec![0x81; levels], vec![0xf6]].concat());
    }
    for length in [1024, 1025] {
        let head = [0xc2, 0x59, (length >> 8) as u8, length as u8];
        bodies.push([&head[..], &vec![1; length]].concat());
    }
    bodies.extend([
        vec![0x61, 0xff],
        vec![0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2],
        vec![0x5b; 9],
        vec![1, 2],
        vec![0xf8, 0x20],
    ]);
    bodies
}

/// What comes of a body that is read and written again. Two that mention capabilities beyond the first say nothing here: an encoder
/// numbers them anew.
fn again(body: &[u8], written: impl Fn(Value) -> Value) -> Option<String> {
    let Ok(value) = decode(body) else { return Some("refused".to_owned()) };
    let mut others = false;
    let value = written(value.map(&mut |cap| {
        others |= cap > 0;
        cap
    }));
    (!others).then(|| hex(&encode(&value)))
}

fn compare(program: &str, script: &str, codec: &str, written: impl Fn(Value) -> Value) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codecs").join(script);
    let mut child = Command::new(program)
        .arg(&script)
        .arg(repository().join(codec).canonicalize().expect("a directory"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`{program}`: {error}; `just vats-js` and `just vats-py` say what is needed"));
    let bodies = bodies();
    let lines: String = bodies.iter().map(|body| hex(body) + "\n").collect();
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads all");
    assert!(output.status.success(), "{script:?} failed");
    let said = String::from_utf8(output.stdout).expect("hex");
    assert_eq!(said.lines().count(), bodies.len());
    let (mut same, mut refused) = (0, 0);
    for (body, line) in bodies.iter().zip(said.lines()) {
        if let Some(expected) = again(body, &written) {
            assert_eq!(line, expected, "{}", hex(body));
            same += 1;
            refused += usize::from(line == "refused");
        }
    }
    assert!(same > 4000 && refused > 1000, "the bodies were too tame: {same} compared, {refused} refused");
}

#[test]
fn python_reads_writes_and_refuses_what_rust_does() {
    compare("python3", "again.py", "guest-sdk/python/ocap_guest_sdk", |value| value);
}

/// JavaScript has one kind of number, so a float without a fraction is an integer once it has been read there.
fn as_javascript_has_it(value: Value) -> Value {
    const SAFE: f64 = 9007199254740991.0;
    match value {
        Value::Float(it) if it.fract() == 0.0 && it.abs() <= SAFE && (it != 0.0 || it.is_sign_positive()) => {
            Value::Integer(it as i128)
        }
        Value::List(items) => Value::List(items.into_iter().map(as_javascript_has_it).collect()),
        Value::Struct(fields) => {
            Value::Struct(fields.into_iter().map(|(key, field)| (key, as_javascript_has_it(field))).collect())
        }
        Value::Tagged(label, inner) => Value::Tagged(label, Box::new(as_javascript_has_it(*inner))),
        other => other,
    }
}

#[test]
fn javascript_reads_writes_and_refuses_what_rust_does() {
    compare("node", "again.mjs", "guest-sdk/js", as_javascript_has_it);
}
