#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "nsq/sdk/broker.h"
#include "nsq/sdk/bytes.h"
#include "nsq/sdk/result.h"

namespace nsq::sdk {

/// How waiting for something ended.
enum class StreamStatus {
    kOk,
    kEnd,      ///< nothing more comes: the client has shut its side, or the connection is gone
    kTimeout,  ///< the time is over; nothing is lost
    kTooLong,  ///< BlockingStream::readLine: the line is longer than it may be; it is still unread
    kInput,    ///< BlockingSubscription::receiveOrInput: the stream has something to read, be it its end
};

/// Waits as long as it takes.
inline constexpr std::chrono::milliseconds kNoTimeout = std::chrono::milliseconds::max();

/// A channel's messages, waited for. Destroying it leaves the channel, and so does the connection's end: what
/// was fetched and not received is then requeued at once, what was received comes back to the channel when
/// its timeout passes. Goes before BlockingProtocol::ioLoop returns. THREAD: the one of
/// ioLoop; each call but receiving waits for the connection's loop, which never waits for long.
class BlockingSubscription {
public:
    virtual ~BlockingSubscription() = default;

    /// Waits for a message. More are fetched with it, as many as setReady allows and as go into 64 KiB, and
    /// are in flight from then on. What `message` points to is valid until the next call here. kOk, kTimeout;
    /// kEnd: the connection is gone, the topic or channel was deleted, or the server stops.
    StreamStatus receive(MessageView& message, std::chrono::milliseconds timeout = kNoTimeout) {
        return next(message, timeout, false);
    }

    /// Like receive, and kInput as soon as the stream has input or its end to read, even if there are
    /// messages: for one thread that serves both.
    StreamStatus receiveOrInput(MessageView& message, std::chrono::milliseconds timeout = kNoTimeout) {
        return next(message, timeout, true);
    }

    /// How many messages may be in flight at once (NSQ's RDY), 1 at first. 0: no new ones come.
    virtual void setReady(std::int64_t count) = 0;

    /// See Subscription. kNotInFlight, kNotOwner; kExiting: the connection is gone.
    virtual Result<void> finish(MessageId id) = 0;
    virtual Result<void> requeue(MessageId id, std::chrono::milliseconds delay) = 0;
    virtual Result<void> touch(MessageId id) = 0;

private:
    virtual StreamStatus next(MessageView& message, std::chrono::milliseconds timeout, bool orInput) = 0;
};

/// A connection as a thread sees it that may wait: behind the magic, which is read already. Beside what a
/// call asks for it keeps at most 128 KiB that were received and not read, and 64 KiB that were written and
/// not taken by the connection (chosen); beyond that the client is not read, and the writer waits. When the
/// server stops, reads give kEnd at once, and what was not read is dropped. THREAD: the one of ioLoop, unless
/// said.
class BlockingStream {
public:
    /// Waits until there is something and replaces `bytes` by it, `maxBytes` at most. kOk, kEnd, kTimeout.
    /// With all but kOk `bytes` stays as it is; so for the other two.
    StreamStatus read(std::string& bytes, std::size_t maxBytes);

    /// Reads up to the next `\n`, which is not part of `line`, and neither is a `\r` before it. kTooLong: it
    /// has more than `maxBytes` bytes before the `\n`; usually the protocol gives up. kOk, kEnd, kTimeout.
    /// What comes before the end without a `\n` stays for read().
    StreamStatus readLine(std::string& line, std::size_t maxBytes);

    /// Reads `count` bytes. `count` bounds the memory it takes. kOk, kEnd, kTimeout.
    StreamStatus readExactly(std::string& bytes, std::size_t count);

    /// How long each of the calls above waits at most; kNoTimeout at first.
    void setReadTimeout(std::chrono::milliseconds timeout) { readTimeout_ = timeout; }

    /// Sends all of `bytes`, in order, without a flush: they go at the end of a turn of the connection's
    /// loop. Waits while the client takes too little. False: nothing more can be written, as the connection
    /// is gone, or as the client took less than some 100 KB within Limits::clientTimeout while this waited.
    bool write(Bytes bytes) { return send(bytes); }
    bool write(std::string_view text) { return send(asBytes(text)); }

    /// Joins a channel as a consumer, one at a time. Errors as Broker::subscribe; kExiting also when the
    /// connection is gone; kInvalid: there is a subscription already.
    virtual Result<std::unique_ptr<BlockingSubscription>> subscribe(std::string_view topic,
                                                                    std::string_view channel,
                                                                    const SubscribeOptions& options) = 0;

    /// See Connection. THREAD: any.
    virtual const std::string& remoteAddress() const = 0;

    /// Closes the connection once what was written is sent, as the return of ioLoop does. From now on reads
    /// give kEnd and writes false.
    virtual void close(std::string_view reason) = 0;

protected:
    using Deadline = Clock::time_point;

    virtual ~BlockingStream() = default;

    /// Now and `timeout`, or the end of time.
    static Deadline deadlineAfter(std::chrono::milliseconds timeout);

    /// Something was received and not read yet.
    bool hasUnread() const { return begin_ < received_.size(); }
    void dropUnread();

private:
    /// Waits until there is something and appends it to `bytes`. kOk, kEnd, kTimeout.
    virtual StreamStatus receive(std::string& bytes, Deadline deadline) = 0;
    virtual bool send(Bytes bytes) = 0;

    /// Nothing may be read any more, not even what was received: the server stops.
    virtual bool hasEnded() const { return false; }

    std::string_view unread() const { return std::string_view{received_}.substr(begin_); }
    void dropIfEnded();
    StreamStatus receiveMore(Deadline deadline);
    StreamStatus receiveUntil(std::size_t count);
    std::string takeUnread(std::size_t count);

    std::string received_;
    std::size_t begin_ = 0;  ///< of received_, so much was read
    std::chrono::milliseconds readTimeout_ = kNoTimeout;
};

}  // namespace nsq::sdk
