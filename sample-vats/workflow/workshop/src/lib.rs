//! Takes orders through their steps. Each step is answered when it is answered, be it after a `kill -9`.

use ocap_guest_sdk::prelude::*;

/// All orders, by what was ordered.
#[derive(Durable, Default)]
struct Workshop {
    orders: Map<String, This<Order>>,
}

#[object]
impl Workshop {
    /// Takes an order.
    fn order(&mut self, item: String) -> Result<()> {
        let order = This::durable(Order { item: item.clone(), events: Vec::new() });
        desk()?.call::<String>("ask", (format!("pay for {item}"),)).then(&order, Order::paid);
        self.orders.insert(item, order);
        Ok(())
    }

    /// What has become of an order so far.
    fn events(&self, item: String) -> Option<Vec<String>> {
        let order = self.orders.get(&item)?;
        Some(order.read(|order| order.events.clone()))
    }
}

/// One order on its way: paid, then packed.
#[derive(Durable)]
struct Order {
    item: String,
    events: Vec<String>,
}

#[object]
impl Order {
    #[answer]
    fn paid(this: This<Self>, receipt: Result<String>) -> Result<()> {
        let receipt = match receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                this.with(|order| order.events.push(format!("not paid: {error}")));
                return Ok(());
            }
        };
        let item = this.with(|order| {
            order.events.push(format!("paid, receipt {receipt}"));
            order.item.clone()
        });
        desk()?.call::<u64>("ask", (format!("pack {item}"),)).then_with(&this, Order::packed, receipt);
        Ok(())
    }

    #[answer]
    fn packed(&mut self, parcel: Result<u64>, receipt: String) {
        self.events.push(match parcel {
            Ok(parcel) => format!("packed as parcel {parcel}"),
            Err(error) => format!("not packed, receipt {receipt} is void: {error}"),
        });
    }
}

fn desk() -> Result<Cap> {
    context().grant("vat.desk")
}

vat!(Workshop, Order);
