// The dispatch table against a list that is searched: the same callbacks for every topic, through additions, removals
// and what callbacks do to the table while it calls them.
#include "event/dispatch.h"

#include <axonpush/mqtt/packet.h>
#include <axonpush/topic.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "support/allocations.h"
#include "support/topic_reference.h"

namespace axonpush {
namespace {

using Values = std::vector<std::uint32_t>;

Values matched(DispatchTable& table, std::string_view topic) {
  Values values;
  table.match(topic, [&values](std::uint32_t value) { values.push_back(value); });
  return values;
}
Values sorted(Values values) {
  std::sort(values.begin(), values.end());
  return values;
}
DispatchHandle add(DispatchTable& table, std::string_view filter, std::uint32_t value) {
  const Result<DispatchHandle> handle = table.add(filter, value);
  EXPECT_TRUE(handle.ok()) << filter;
  return handle.ok() ? *handle : DispatchHandle{};
}

// A small deterministic generator; the seed is in the failure's message.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 1) {}
  std::size_t below(std::size_t bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % bound;
  }

 private:
  std::uint64_t state_;
};

constexpr std::string_view kTopic = "axonpush/org_1/prod/app_1/chan_1/start/agent_1";

TEST(Dispatch, FindsEveryMaskOnce) {
  DispatchTable table;
  const std::vector<std::string> segments = {"prod", "app_1", "chan_1", "start", "agent_1"};
  for (std::uint32_t mask = 0; mask < 32; ++mask) {
    std::string filter = "axonpush/org_1";
    for (std::size_t at = 0; at < 5; ++at) filter += "/" + ((mask >> at & 1U) != 0 ? segments[at] : "+");
    add(table, filter, mask);
  }
  Values all(32);
  for (std::uint32_t mask = 0; mask < 32; ++mask) all[mask] = mask;
  EXPECT_EQ(sorted(matched(table, kTopic)), all);
  EXPECT_EQ(sorted(matched(table, "axonpush/org_1/x/x/x/x/x")), Values{0});
  EXPECT_EQ(sorted(matched(table, "axonpush/org_1/prod/x/x/x/x")), (Values{0, 1}));
  EXPECT_EQ(matched(table, "axonpush/org_2/prod/app_1/chan_1/start/agent_1"), Values{});
  EXPECT_EQ(matched(table, "axonpush/org_1/prod/app_1/chan_1/start"), Values{});
  EXPECT_EQ(matched(table, "x/axonpush/org_1/prod/app_1/chan_1/start/agent_1"), Values{});
}

TEST(Dispatch, InvalidFilterIsRefused) {  // T-06
  DispatchTable table;
  const std::string nul("axonpush/o/a/b/\0/d/e", 20);
  for (const std::string_view filter :
       {std::string_view(""), std::string_view("a+"), std::string_view("+a"), std::string_view("a/#/b"),
        std::string_view("##"), std::string_view("p/o/a+/b/c/d/e"), std::string_view("p/o/a/b/c/d/#e"),
        std::string_view("p/o/#/b/c/d/e"), std::string_view("$share/g/p/o/a/b/c/d/e"), std::string_view("p/\xFF/c"),
        std::string_view(nul)}) {
    EXPECT_EQ(table.add(filter, 1).error().code(), Errc::topic_invalid) << filter;
    EXPECT_EQ(table.count(filter), 0U);
  }
  EXPECT_EQ(table.add(std::string(65'536, 'x'), 1).error().code(), Errc::topic_invalid);  // T-18
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.filter_count(), 0U);
}

TEST(Dispatch, SameFilterTwiceIsOneFilterWithTwoCallbacks) {  // T-07
  DispatchTable table;
  const DispatchHandle first = add(table, "p/o/+/+/c/+/+", 1);
  const DispatchHandle second = add(table, "p/o/+/+/c/+/+", 2);
  EXPECT_EQ(table.filter_count(), 1U);
  EXPECT_EQ(table.count("p/o/+/+/c/+/+"), 2U);
  EXPECT_EQ(matched(table, "p/o/e/a/c/t/g"), (Values{1, 2}));
  EXPECT_TRUE(table.remove(first));
  EXPECT_EQ(table.count("p/o/+/+/c/+/+"), 1U);
  EXPECT_EQ(table.filter_count(), 1U);
  EXPECT_EQ(matched(table, "p/o/e/a/c/t/g"), Values{2});
  EXPECT_TRUE(table.remove(second));
  EXPECT_EQ(table.filter_count(), 0U);
  EXPECT_EQ(table.count("p/o/+/+/c/+/+"), 0U);
  EXPECT_EQ(matched(table, "p/o/e/a/c/t/g"), Values{});
}

TEST(Dispatch, OverlappingFiltersEachGetOneCall) {  // T-08
  DispatchTable table;
  add(table, "p/o/+/+/c/+/+", 1);
  add(table, "p/o/e/+/c/+/+", 2);
  add(table, "p/o/#", 3);
  add(table, "+/o/e/a/c/t/g", 4);
  add(table, "#", 5);
  EXPECT_EQ(sorted(matched(table, "p/o/e/a/c/t/g")), (Values{1, 2, 3, 4, 5}));
  EXPECT_EQ(sorted(matched(table, "p/o/x/a/c/t/g")), (Values{1, 3, 5}));
  EXPECT_EQ(sorted(matched(table, "p/o")), (Values{3, 5}));
  EXPECT_EQ(sorted(matched(table, "$p/o/e/a/c/t/g")), Values{});
}

// Each callback's predicate is its own: the table hands out every callback of the filter, and what it asks of the event
// is decided by the index that it was registered with.
TEST(Dispatch, SameFilterWithTwoPredicates) {  // T-09
  DispatchTable table;
  const std::map<std::uint32_t, std::string> trace_of = {{1, "trace-a"}, {2, "trace-b"}, {3, ""}};
  for (const auto& [value, trace] : trace_of) add(table, "p/o/+/+/c/+/+", value);
  const auto called = [&](std::string_view trace_id) {
    Values values;
    table.match("p/o/e/a/c/t/g", [&](std::uint32_t value) {
      const std::string& wanted = trace_of.at(value);
      if (wanted.empty() || wanted == trace_id) values.push_back(value);
    });
    return values;
  };
  EXPECT_EQ(called("trace-a"), (Values{1, 3}));
  EXPECT_EQ(called("trace-b"), (Values{2, 3}));
  EXPECT_EQ(called(""), Values{3});
}

TEST(Dispatch, TopicOfManySlashes) {  // T-12
  DispatchTable table;
  add(table, "#", 1);
  add(table, "+/+/+/+/+/+/+", 2);
  add(table, "p/o/+/+/+/+/+", 3);
  const std::string slashes(65'000, '/');
  EXPECT_EQ(matched(table, slashes), Values{1});
  // A filter with a prefix as long as that is found too.
  const std::string longest = std::string(65'000, '/') + "x/a/b/c/d/e";
  add(table, longest.substr(0, longest.size() - 1) + "+", 4);
  EXPECT_EQ(sorted(matched(table, longest)), (Values{1, 4}));
}

TEST(Dispatch, HandlesAreSpentOnce) {  // T-17
  DispatchTable table;
  const DispatchHandle first = add(table, "p/o/a/b/c/d/e", 1);
  EXPECT_TRUE(table.contains(first));
  EXPECT_TRUE(table.remove(first));
  EXPECT_FALSE(table.remove(first));
  const DispatchHandle second = add(table, "p/o/a/b/c/d/f", 2);
  EXPECT_EQ(second.slot, first.slot);  // the slot is used again, the handle is another
  EXPECT_FALSE(table.remove(first));
  EXPECT_FALSE(table.contains(first));
  EXPECT_FALSE(table.remove({}));
  EXPECT_FALSE(table.remove({1000, 1}));
  EXPECT_TRUE(table.contains(second));
}

TEST(Dispatch, HandlesSurviveGrowth) {
  DispatchTable table;
  std::vector<DispatchHandle> handles;
  for (std::uint32_t at = 0; at < 5'000; ++at) {
    handles.push_back(add(table, "p/o/+/+/c" + std::to_string(at / 2) + "/+/+", at));
  }
  EXPECT_EQ(table.size(), 5'000U);
  EXPECT_EQ(table.filter_count(), 2'500U);
  for (std::uint32_t at = 0; at < 5'000; at += 2) EXPECT_TRUE(table.remove(handles[at]));
  for (std::uint32_t at = 0; at < 5'000; at += 2) {
    EXPECT_EQ(matched(table, "p/o/x/y/c" + std::to_string(at / 2) + "/t/g"), Values{at + 1});
  }
  EXPECT_TRUE(table.clear());
  EXPECT_FALSE(table.clear());
  EXPECT_EQ(table.size() + table.filter_count(), 0U);
  EXPECT_EQ(matched(table, "p/o/x/y/c1/t/g"), Values{});
}

// --- From inside a callback

TEST(Dispatch, WhatIsAddedMeanwhileWaitsForTheNextEvent) {  // T-10
  for (const std::string_view filter : {"p/o/+/+/c/+/+", "p/o/e/a/c/t/g", "p/#"}) {
    DispatchTable table;
    add(table, "p/o/+/+/c/+/+", 1);
    add(table, "#", 2);
    Values seen;
    table.match("p/o/e/a/c/t/g", [&](std::uint32_t value) {
      seen.push_back(value);
      add(table, filter, value + 10);
    });
    EXPECT_EQ(sorted(seen), (Values{1, 2}));
    EXPECT_EQ(sorted(matched(table, "p/o/e/a/c/t/g")), (Values{1, 2, 11, 12}));
  }
}

TEST(Dispatch, WhatIsRemovedMeanwhileIsNotCalled) {  // T-10
  const std::string_view filters[] = {"p/o/+/+/c/+/+", "p/o/+/+/c/+/+", "p/o/e/+/c/+/+", "p/#", "#"};
  const std::size_t count = std::size(filters);
  // Every callback removes every choice of the others, itself included.
  for (std::uint32_t choice = 0; choice < 1U << count; ++choice) {
    for (std::uint32_t remover = 0; remover < count; ++remover) {
      DispatchTable table;
      std::vector<DispatchHandle> handles;
      for (std::uint32_t at = 0; at < count; ++at) handles.push_back(add(table, filters[at], at));
      Values seen;
      bool removed = false;
      table.match("p/o/e/a/c/t/g", [&](std::uint32_t value) {
        EXPECT_FALSE(removed && (choice >> value & 1U) != 0) << "called after it was removed";
        seen.push_back(value);
        if (value != remover) return;
        removed = true;
        for (std::uint32_t at = 0; at < count; ++at) {
          EXPECT_EQ((choice >> at & 1U) != 0 && table.remove(handles[at]), (choice >> at & 1U) != 0);
        }
      });
      ASSERT_TRUE(removed);
      for (std::uint32_t at = 0; at < count; ++at) {
        const bool called = std::find(seen.begin(), seen.end(), at) != seen.end();
        EXPECT_TRUE(called || (choice >> at & 1U) != 0) << at;
        EXPECT_EQ(table.contains(handles[at]), (choice >> at & 1U) == 0);
      }
      EXPECT_EQ(matched(table, "p/o/e/a/c/t/g").size(), table.size());
    }
  }
}

TEST(Dispatch, RemovedAndAddedAgainInOneCallback) {  // T-10
  DispatchTable table;
  DispatchHandle handle = add(table, "p/o/+/+/c/+/+", 1);
  for (int event = 0; event < 5; ++event) {
    Values seen;
    table.match("p/o/e/a/c/t/g", [&](std::uint32_t value) {
      seen.push_back(value);
      EXPECT_TRUE(table.remove(handle));
      EXPECT_EQ(table.filter_count(), 0U);
      handle = add(table, "p/o/+/+/c/+/+", value + 1);
      EXPECT_EQ(table.filter_count(), 1U);
    });
    EXPECT_EQ(seen, Values{static_cast<std::uint32_t>(event) + 1});
    EXPECT_EQ(table.size(), 1U);
  }
}

TEST(Dispatch, MatchesMayBeNested) {
  DispatchTable table;
  const DispatchHandle first = add(table, "p/o/+/+/c/+/+", 1);
  add(table, "p/o/+/+/c/+/+", 2);
  Values outer, inner;
  table.match("p/o/e/a/c/t/g", [&](std::uint32_t value) {
    outer.push_back(value);
    table.match("p/o/e/a/c/t/g", [&](std::uint32_t nested) {
      inner.push_back(nested);
      table.remove(first);
    });
  });
  EXPECT_EQ(outer, (Values{1, 2}));
  EXPECT_EQ(inner, (Values{1, 2, 2}));
  EXPECT_EQ(matched(table, "p/o/e/a/c/t/g"), Values{2});
}

TEST(Dispatch, ACopyGoesOnByItselfFromWhereItWasTaken) {
  DispatchTable table;
  // All masks, twice, and three times as many filters of another shape as are judged at a time: every level concrete or
  // a wildcard.
  std::uint32_t count = 0;
  for (std::uint32_t wild = 0; wild < 128; ++wild) {
    std::string filter = "p/o/e/a/c/t/g";
    for (std::size_t level = 0; level < 7; ++level) {
      if ((wild >> level & 1U) != 0) filter[level * 2] = '+';
    }
    add(table, filter, count++);
    if (wild % 4 == 0) add(table, filter, count++);
  }
  const Values all = matched(table, "p/o/e/a/c/t/g");
  ASSERT_EQ(all.size(), count);
  for (std::size_t taken = 0; taken <= all.size(); ++taken) {
    DispatchTable::Matches matches(table, "p/o/e/a/c/t/g");
    Values before, copied, rest;
    std::uint32_t value = 0;
    while (before.size() < taken && matches.next(value)) before.push_back(value);
    {
      DispatchTable::Matches copy(matches);
      while (copy.next(value)) copied.push_back(value);
    }
    while (matches.next(value)) rest.push_back(value);
    EXPECT_EQ(copied, rest) << taken;
    before.insert(before.end(), rest.begin(), rest.end());
    EXPECT_EQ(before, all) << taken;
  }
}

// --- Limits and memory

TEST(Dispatch, LimitOfCallbacksPerFilter) {
  DispatchTable table;
  for (std::uint32_t at = 0; at < limits::kCallbacksPerFilter; ++at) add(table, "p/o/+/+/+/+/+", at);
  EXPECT_EQ(table.add("p/o/+/+/+/+/+", 0).error().code(), Errc::quota);
  EXPECT_EQ(table.count("p/o/+/+/+/+/+"), limits::kCallbacksPerFilter);
  add(table, "p/o/e/+/+/+/+", 0);
}

TEST(Dispatch, LimitOfFilters) {
  DispatchTable table;
  for (std::uint32_t at = 0; at < DispatchTable::kFiltersMax; ++at) {
    ASSERT_TRUE(table.add("p/o/+/+/c" + std::to_string(at) + "/+/+", at).ok());
  }
  EXPECT_EQ(table.add("p/o/+/+/other/+/+", 0).error().code(), Errc::quota);
  EXPECT_EQ(matched(table, "p/o/x/x/c65535/x/x"), Values{65'535});
  EXPECT_EQ(matched(table, "p/o/x/x/other/x/x"), Values{});
}

TEST(Dispatch, EveryFailedAllocationIsAnErrorAndChangesNothing) {
  for (std::uint64_t kth = 1;; ++kth) {
    DispatchTable table;
    reference::Dispatcher expected;
    test::FailAllocations failing(kth, test::FailAllocations::Mode::once);
    std::size_t refused = 0;
    for (std::uint32_t at = 0; at < 60; ++at) {
      std::string filter = "p/o/+/+/c" + std::to_string(at / 2) + "/+/+";
      if (at % 5 == 4) filter = "p/o/x/y/c" + std::to_string(at) + "/#";
      const Result<DispatchHandle> handle = table.add(filter, at);
      if (handle.ok()) {
        expected.add(filter, at);
      } else {
        EXPECT_EQ(handle.error().code(), Errc::no_memory);
        ++refused;
      }
    }
    EXPECT_EQ(refused, failing.fired() ? 1U : 0U);
    EXPECT_EQ(table.size(), expected.size());
    for (int at = 0; at < 60; ++at) {
      const std::string topic = "p/o/x/y/c" + std::to_string(at) + "/t/g";
      EXPECT_EQ(sorted(matched(table, topic)), expected.match(topic)) << kth;
    }
    if (!failing.fired()) break;
  }
}

TEST(Dispatch, MatchingAllocatesNothing) {
  DispatchTable table;
  for (std::uint32_t at = 0; at < 200; ++at) add(table, "p/o/+/+/c" + std::to_string(at % 50) + "/+/+", at);
  add(table, "#", 1'000);
  const std::uint64_t before = test::allocation_count();
  std::size_t calls = 0;
  table.match("p/o/e/a/c7/t/g", [&calls](std::uint32_t) { ++calls; });
  EXPECT_EQ(test::allocation_count(), before);
  EXPECT_EQ(calls, 5U);
}

// --- Against the list

std::string random_filter(Random& random) {
  const std::string_view prefixes[] = {"p", "p/o", "axonpush/org_1", "", "+/o", "$s"};
  const std::string_view pieces[] = {"a", "b", "chan_1234567", "", "a/b", "averyveryverylongsegmentofmanybytes",
                                     "+", "+"};
  std::string filter(prefixes[random.below(std::size(prefixes))]);
  const std::size_t segments = random.below(8) == 0 ? random.below(8) : 5;
  for (std::size_t at = 0; at < segments; ++at) {
    filter += '/';
    filter += pieces[random.below(std::size(pieces))];
  }
  if (random.below(12) == 0) filter += "/#";
  return filter;
}
std::string random_topic(Random& random) {
  std::string topic = random_filter(random);
  for (char& c : topic) {
    if (c == '+' || c == '#') c = 'a';
  }
  return topic;
}

TEST(Dispatch, EqualsTheListThroughEveryChange) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    DispatchTable table(HashKey{seed, ~seed});
    reference::Dispatcher expected;
    std::vector<std::pair<DispatchHandle, std::uint32_t>> live;
    for (std::uint32_t step = 0; step < 400; ++step) {
      const std::size_t what = random.below(4);
      if (what < 2) {
        const std::string filter = random_filter(random);
        const Result<DispatchHandle> handle = table.add(filter, step);
        ASSERT_EQ(handle.ok(), mqtt::topic_filter_valid(filter)) << filter;
        if (!handle.ok()) continue;
        expected.add(filter, step);
        live.emplace_back(*handle, step);
        EXPECT_EQ(table.count(filter), expected.count(filter));
      } else if (what == 2 && !live.empty()) {
        const std::size_t at = random.below(live.size());
        ASSERT_TRUE(table.remove(live[at].first));
        expected.remove(live[at].second);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
      }
      const std::string topic = random_topic(random);
      ASSERT_EQ(sorted(matched(table, topic)), expected.match(topic)) << "seed " << seed << " topic " << topic;
      ASSERT_EQ(table.size(), expected.size());
    }
  }
}

// What the table notes of channels goes stale with every filter that leaves, and is made anew now and then: neither may
// hide a filter that is there.
TEST(Dispatch, ChannelsThatComeAndGoHideNoOther) {
  const std::string_view shapes[] = {"p/o/+/+/C/+/+", "p/o/e/a/C/t/g", "p/o/+/a/C/t/+", "p/o/e/+/+/t/+"};
  DispatchTable table(HashKey{11, 13});
  std::vector<std::pair<DispatchHandle, std::uint32_t>> live;
  for (std::uint32_t round = 0; round < 3'000; ++round) {
    std::string filter(shapes[round % std::size(shapes)]);
    if (const std::size_t at = filter.find('C'); at != std::string::npos)
      filter.replace(at, 1, "chan_" + std::to_string(round));
    live.emplace_back(add(table, filter, round), round);
    // Between 1 and 60 stay.
    while (live.size() > 1 + round % 60) {
      ASSERT_TRUE(table.remove(live.front().first));
      live.erase(live.begin());
    }
    if (round % 7 != 0) continue;
    for (const auto& [handle, value] : live) {
      const Values seen = matched(table, "p/o/e/a/chan_" + std::to_string(value) + "/t/g");
      ASSERT_TRUE(std::find(seen.begin(), seen.end(), value) != seen.end()) << round;
    }
  }
}

// Entries of one filter come in the order they were registered in, whatever happened in between.
TEST(Dispatch, OrderWithinAFilter) {
  DispatchTable table;
  std::vector<DispatchHandle> handles;
  for (std::uint32_t at = 0; at < 9; ++at) handles.push_back(add(table, "p/o/+/+/+/+/+", at));
  for (const std::size_t at : {std::size_t{0}, std::size_t{4}, std::size_t{8}}) EXPECT_TRUE(table.remove(handles[at]));
  add(table, "p/o/+/+/+/+/+", 9);
  EXPECT_EQ(matched(table, "p/o/a/b/c/d/e"), (Values{1, 2, 3, 5, 6, 7, 9}));
}

}  // namespace
}  // namespace axonpush
