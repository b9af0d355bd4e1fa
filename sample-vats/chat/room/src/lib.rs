//! Who is there, and what was said last. It has no socket: it reaches those who came in, by the connections that they brought.

use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Room {
    guests: Map<Cap, String>,
    said: Log<String>,
}

#[object]
impl Room {
    /// A guest's first line is its name, each other one is said. Nobody speaks for others: a connection can't be made up.
    fn hear(this: This<Self>, text: String, guest: Connection) {
        if let Some(name) = this.read(|room| room.guests.get(&guest.0)) {
            return this.with(|room| tell(room, &format!("{name}: {text}")));
        }
        this.with(|room| {
            room.said.iter().for_each(|(_, line)| guest.write(&line).forget());
            tell(room, &format!("{text} is here"));
            room.guests.insert(guest.0.clone(), text);
        });
        guest.ended().then_with(&this, Room::left, guest);
    }

    #[answer]
    fn left(&mut self, _ended: Result<()>, guest: Connection) {
        let name = self.guests.remove(&guest.0).unwrap_or_default();
        tell(self, &format!("{name} has left"));
    }
}

fn tell(room: &mut Room, line: &String) {
    room.guests.keys().for_each(|guest| Connection(guest).write(line).forget());
    room.said.push(line);
    room.said.keep_newest(20);
}

vat!(Room);
