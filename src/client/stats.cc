#include <axonpush/stats.h>

#include <bit>

namespace axonpush::inline v0 {

// Values under 16 ns have a bucket each; above, the top five bits choose it: the octave and 16 steps within.
std::size_t LatencyHistogram::index_of(std::uint64_t nanoseconds) noexcept {
  if (nanoseconds < kBucketsPerOctave) return static_cast<std::size_t>(nanoseconds);
  const auto octave = static_cast<std::size_t>(std::bit_width(nanoseconds)) - 5;
  const std::size_t step = static_cast<std::size_t>(nanoseconds >> octave) - kBucketsPerOctave;
  const std::size_t index = (octave + 1) * kBucketsPerOctave + step;
  return index < kBucketCount ? index : kBucketCount - 1;
}

Duration LatencyHistogram::upper_border(std::size_t index) noexcept {
  if (index < kBucketsPerOctave) return nanoseconds(static_cast<std::int64_t>(index));
  const std::size_t octave = index / kBucketsPerOctave - 1;
  const std::size_t step = index % kBucketsPerOctave + kBucketsPerOctave;
  return nanoseconds(static_cast<std::int64_t>(((static_cast<std::uint64_t>(step) + 1) << octave) - 1));
}

void LatencyHistogram::record(Duration value) noexcept {
  const std::int64_t count = value.nanoseconds();
  ++buckets_[index_of(count < 0 ? 0 : static_cast<std::uint64_t>(count))];
  ++count_;
  if (max_ < value) max_ = value;
}

Duration LatencyHistogram::quantile(std::uint32_t per_mille) const noexcept {
  if (count_ == 0) return {};
  const std::uint64_t wanted = (count_ * per_mille + 999) / 1000;
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < kBucketCount; ++index) {
    seen += buckets_[index];
    if (seen >= wanted && seen != 0) return upper_border(index) < max_ ? upper_border(index) : max_;
  }
  return max_;
}

void LatencyHistogram::merge(const LatencyHistogram& other) noexcept {
  for (std::size_t index = 0; index < kBucketCount; ++index) buckets_[index] += other.buckets_[index];
  count_ += other.count_;
  if (max_ < other.max_) max_ = other.max_;
}

}  // namespace axonpush::inline v0
