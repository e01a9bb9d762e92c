#include "checksum/crc32c.h"

#include <boost/crc.hpp>

#include <cstring>

namespace nsq {

namespace {

std::uint32_t portable(sdk::Bytes bytes) {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

#if defined(__x86_64__)
/// With the processor's own instruction.
__attribute__((target("sse4.2"))) std::uint32_t accelerated(sdk::Bytes bytes) {
    std::uint64_t crc = 0xFFFFFFFF;
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= sizeof(std::uint64_t); at += sizeof(std::uint64_t), left -= sizeof(std::uint64_t)) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof word);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    auto narrow = static_cast<std::uint32_t>(crc);
    for (; left > 0; ++at, --left)
        narrow = __builtin_ia32_crc32qi(narrow, std::to_integer<unsigned char>(*at));
    return ~narrow;
}
#endif

}  // namespace

std::uint32_t crc32c(sdk::Bytes bytes) {
#if defined(__x86_64__)
    static const bool kAccelerated = __builtin_cpu_supports("sse4.2");
    if (kAccelerated) return accelerated(bytes);
#endif
    return portable(bytes);
}

}  // namespace nsq
