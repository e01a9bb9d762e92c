#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "net/codec.h"

namespace nsq::test {

inline std::string encoded(net::Codec& codec, std::string_view plain) {
    std::vector<std::byte> wire;
    codec.encode(sdk::asBytes(plain), wire);
    return std::string{sdk::asText(wire)};
}

/// All of `wire`, which comes in pieces of that size, decoded into that much room at a time.
inline std::string decoded(net::Codec& codec, std::string_view wire, std::size_t piece = 1 << 20,
                           std::size_t room = 1 << 16) {
    std::string plain;
    std::vector<std::byte> buffer(room);
    std::size_t done = 0;
    for (std::size_t come = 0; come < wire.size();) {
        come += std::min(piece, wire.size() - come);
        for (bool goesOn = true; goesOn;) {
            const net::Codec::Step step = codec.decode(sdk::asBytes(wire.substr(done, come - done)), buffer);
            plain += sdk::asText(sdk::Bytes{buffer}.first(step.produced));
            done += step.consumed;
            goesOn = step.consumed > 0 || step.produced > 0;
        }
    }
    return plain;
}

inline std::string randomText(std::size_t size, unsigned seed = 1) {
    std::mt19937 random{seed};
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
}

/// Compresses well, but is not all the same.
inline std::string wordy(std::size_t size) {
    std::string text;
    for (int i = 0; text.size() < size; ++i) text += "message number " + std::to_string(i) + "; ";
    text.resize(size);
    return text;
}

inline std::string fromHex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes.push_back(static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16)));
    return bytes;
}

}  // namespace nsq::test
