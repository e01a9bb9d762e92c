#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "nsq/sdk/text.h"

namespace nsq::stomp {

using sdk::quoted;

enum class Version { k10, k11, k12 };

/// The most bytes of a command with its headers, and the most headers (chosen).
inline constexpr std::size_t kMaxHead = 16384;
inline constexpr std::size_t kMaxHeaders = 64;

struct Frame {
    std::string command;
    std::vector<std::pair<std::string, std::string>> headers;  ///< without their escapes
    sdk::Bytes body;                                           ///< lies in the input

    bool connects() const { return command == "CONNECT" || command == "STOMP"; }

    /// The first one of this name counts.
    std::optional<std::string_view> header(std::string_view name) const;
};

/// Finds the frame that the input begins with. Waits for a head and a body within their limits only.
class FrameReader {
public:
    /// `maxBody` in bytes.
    explicit FrameReader(std::size_t maxBody) : maxBody_(maxBody) {}

    /// True: the frame is complete. `input` is that of the last call and what came since, and begins with no
    /// line end. Before there is a version it is 1.0.
    bool read(std::string_view input, Version version) {
        return input.size() >= needed_ && (bodyBegin_ > 0 || readHead(input, version)) && readBody(input);
    }

    /// The frame, or what is known of it.
    const Frame& frame() const { return frame_; }
    std::size_t size() const { return needed_; }         ///< bytes of a complete frame
    const std::string& error() const { return error_; }  ///< for the client; empty when nothing is wrong

    /// The next call of read() begins with another frame.
    void reset() {
        needed_ = scanned_ = lineBegin_ = bodyBegin_ = 0;
        frame_.command.clear();
        frame_.headers.clear();
    }

private:
    bool readHead(std::string_view input, Version version);
    bool readHeader(std::string_view line, Version version);
    bool readBody(std::string_view input);
    /// Of the header line that is read. Not the line itself: it may be a piece of a body, or a secret.
    std::string lineName() const { return "header line " + std::to_string(frame_.headers.size() + 1); }
    bool refuse(std::string error) {
        error_ = std::move(error);
        return false;
    }

    const std::size_t maxBody_;
    std::size_t needed_ = 0;     ///< bytes without which there is nothing new to find
    std::size_t scanned_ = 0;    ///< bytes that were searched for the end of what comes now
    std::size_t lineBegin_ = 0;  ///< of the first line that is not read yet
    std::size_t bodyBegin_ = 0;  ///< 0: not known yet
    Frame frame_;
    std::string error_;
};

/// A header's value as this version writes it.
std::string escaped(std::string_view value, Version version);

}  // namespace nsq::stomp
