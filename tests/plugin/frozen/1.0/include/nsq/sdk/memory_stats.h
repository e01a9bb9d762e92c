#pragma once

#include <array>
#include <cstdint>
#include <utility>

namespace nsq::sdk {

/// Names and values of the `memory` of /stats, in nsqd's order: bytes and counts of the whole process.
using MemoryStats = std::array<std::pair<const char*, std::uint64_t>, 9>;

/// What the allocator says now. There is no garbage collector, and the allocator counts no objects: those are
/// 0. THREAD: any.
MemoryStats memoryStats();

}  // namespace nsq::sdk
