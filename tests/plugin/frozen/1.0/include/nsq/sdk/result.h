#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace nsq::sdk {

/// Why the broker or the host refused something. A protocol maps these to its own error codes.
enum class ErrorCode {
    kBadTopic,          ///< not a valid topic name
    kBadChannel,        ///< not a valid channel name
    kTopicNotFound,     ///< no such topic
    kChannelNotFound,   ///< no such channel
    kTooManyConsumers,  ///< max-channel-consumers reached
    kDeleted,           ///< the topic or channel is being deleted
    kNotInFlight,       ///< no message with this id is in flight on the channel
    kNotOwner,          ///< the message is in flight to another subscription
    kExiting,           ///< the server is stopping
    kAuthFailed,        ///< the auth servers gave no good answer; the text says why
    kStorage,           ///< the disk refused; the text says why
    kInvalid,           ///< an argument is out of its range; the text says which
    kInternal,          ///< a bug; the text is for its report
};

/// An expected failure: a code for the program, a text for a person.
struct Error {
    ErrorCode code;
    std::string text;
};

/// A value or an Error. Ask ok() before value() or error(): asking for the one that is not there is a bug.
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::move(value)) {}
    Result(Error error) : state_(std::move(error)) {}

    bool ok() const { return std::holds_alternative<T>(state_); }
    explicit operator bool() const { return ok(); }

    T& value() & { return std::get<T>(state_); }
    const T& value() const& { return std::get<T>(state_); }
    T&& value() && { return std::get<T>(std::move(state_)); }
    const Error& error() const { return std::get<Error>(state_); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool ok() const { return !error_.has_value(); }
    explicit operator bool() const { return ok(); }
    const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

}  // namespace nsq::sdk
