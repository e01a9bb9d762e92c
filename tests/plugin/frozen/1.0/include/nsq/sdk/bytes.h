#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace nsq::sdk {

/// Bytes somebody else owns. Valid only as long as the function that hands them out says.
using Bytes = std::span<const std::byte>;

inline Bytes asBytes(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

inline std::string_view asText(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

static_assert(std::endian::native == std::endian::little,
              "loadBig and storeBig swap for little endian hosts");

template <std::integral T>
T swapBytes(T value) {
    if constexpr (sizeof(T) == 8) {
        return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
    } else if constexpr (sizeof(T) == 4) {
        return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
    } else {
        static_assert(sizeof(T) == 2);
        return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
    }
}

/// Reads a big-endian integer of 2, 4 or 8 bytes. `from` needs no alignment and must hold sizeof(T) bytes.
template <std::integral T>
T loadBig(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return swapBytes(value);
}

/// Writes `value` in big-endian order over sizeof(T) bytes at `to`, which needs no alignment.
template <std::integral T>
void storeBig(std::byte* to, T value) {
    value = swapBytes(value);
    std::memcpy(to, &value, sizeof value);
}

}  // namespace nsq::sdk
