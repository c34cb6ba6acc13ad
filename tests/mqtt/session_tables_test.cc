// The tables below the session against slow, obvious models.
#include <gtest/gtest.h>

#include <axonpush/mqtt/session_tables.h>

#include <cstdint>
#include <map>
#include <random>
#include <vector>

namespace axonpush::test {
namespace {

using namespace axonpush::mqtt;          // NOLINT
using namespace axonpush::mqtt::detail;  // NOLINT

// `spread` decides how ids fall: neighbours, one home slot for all, or anything.
enum class Spread {
  neighbours,
  one_home,
  any
};

std::uint16_t some_id(std::mt19937& random, Spread spread) {
  switch (spread) {
    case Spread::neighbours:
      return static_cast<std::uint16_t>(random() % 300 + 1);
    case Spread::one_home:
      return static_cast<std::uint16_t>((random() % 255 + 1) * InboundTable::kSlotCount + random() % 2);
    case Spread::any:
      break;
  }
  return static_cast<std::uint16_t>(random() % 65'535 + 1);
}

TEST(MqttInboundTable, AgreesWithAMap) {
  for (const Spread spread : {Spread::neighbours, Spread::one_home, Spread::any}) {
    for (const unsigned seed : {1U, 2U, 3U}) {
      SCOPED_TRACE(::testing::Message() << "spread " << static_cast<int>(spread) << " seed " << seed);
      std::mt19937 random(seed);
      InboundTable table;
      std::map<std::uint16_t, Qos> model;
      for (int step = 0; step < 30'000; ++step) {
        const std::uint16_t id = some_id(random, spread);
        Inbound* found = table.find(id);
        ASSERT_EQ(found != nullptr, model.count(id) == 1);
        if (found != nullptr) {
          ASSERT_EQ(found->packet_id, id);
          ASSERT_EQ(found->qos, model[id]);
          if (random() % 2 == 0) continue;
          table.remove(*found);
          model.erase(id);
        } else {
          const Qos qos = random() % 2 == 0 ? Qos::at_least_once : Qos::exactly_once;
          const bool room = model.size() < InboundTable::kCapacity;
          ASSERT_EQ(table.insert({.packet_id = id, .qos = qos}), room);
          if (room) model[id] = qos;
        }
        ASSERT_EQ(table.size(), model.size());
        if (step % 5'000 == 4'999) {
          // A connection ends: QoS 2 stays.
          table.keep_session_state();
          std::erase_if(model, [](const auto& entry) { return entry.second != Qos::exactly_once; });
          ASSERT_EQ(table.size(), model.size());
        }
      }
      for (const auto& [id, qos] : model) ASSERT_NE(table.find(id), nullptr);
      table.clear();
      for (const auto& [id, qos] : model) ASSERT_EQ(table.find(id), nullptr);
      ASSERT_TRUE(table.insert({.packet_id = InboundTable::kSlotCount}));
      EXPECT_EQ(table.find(0), nullptr) << "0 is no packet id, and its home slot is taken";
    }
  }
}

TEST(MqttFlightTable, AgreesWithListsInTheOrderOfTaking) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    FlightTable table;
    std::vector<std::uint16_t> model[kFlightListCount];
    std::size_t count = 0;
    for (int step = 0; step < 100'000; ++step) {
      const auto list = static_cast<FlightList>(random() % kFlightListCount);
      auto& ids = model[static_cast<std::size_t>(list)];
      const unsigned what = random() % 8;
      if (what < 4) {
        const std::uint16_t id = table.take(FlightKind::publish, list);
        ASSERT_EQ(id == 0, count == FlightTable::kSlotCount);
        if (id == 0) continue;
        for (const auto& other : model) {
          for (const std::uint16_t used : other) ASSERT_NE(used, id);
        }
        ids.push_back(id);
        ++count;
      } else if (!ids.empty()) {
        const std::size_t index = random() % ids.size();
        Flight* flight = table.find(ids[index]);
        ASSERT_NE(flight, nullptr);
        if (what == 7) {
          const auto other = static_cast<FlightList>(random() % kFlightListCount);
          table.move(*flight, other);
          const std::uint16_t id = ids[index];
          ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(index));
          model[static_cast<std::size_t>(other)].push_back(id);
        } else {
          table.remove(*flight);
          ASSERT_EQ(table.find(ids[index]), nullptr);
          ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(index));
          --count;
        }
      }
      for (std::size_t at = 0; at < kFlightListCount; ++at) {
        const auto which = static_cast<FlightList>(at);
        ASSERT_EQ(table.count(which), model[at].size());
        const Flight* flight = table.first(which);
        for (const std::uint16_t id : model[at]) {
          ASSERT_NE(flight, nullptr);
          ASSERT_EQ(flight->packet_id, id);
          flight = table.after(*flight);
        }
        ASSERT_EQ(flight, nullptr);
      }
    }
  }
}

}  // namespace
}  // namespace axonpush::test
