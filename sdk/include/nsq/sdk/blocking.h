#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "nsq/sdk/blocking_stream.h"
#include "nsq/sdk/host.h"
#include "nsq/sdk/protocol.h"

namespace nsq::sdk {

/// A protocol in the shape of Go's nsqd: each connection has a thread of its own, which reads, writes and
/// waits. Simpler to write than a Session, at the price of a thread for each client. Registered within a
/// BlockingAdapter.
class BlockingProtocol {
public:
    virtual ~BlockingProtocol() = default;

    /// See Protocol::name.
    virtual std::string_view name() const = 0;

    /// Serves one connection; it closes when this returns. It has to return soon once the stream has ended
    /// (reads give kEnd, writes false), which is also how it learns that the server stops. Here
    /// Broker::publish and the administration may be called, and all else that is forbidden on a loop. An
    /// exception is thrown on by a task of the connection: logged, counted, it closes this connection.
    /// THREAD: one for each connection, so several at once.
    virtual void ioLoop(BlockingStream& stream) = 0;
};

/// Joins a BlockingProtocol to the server's event loops.
class BlockingAdapter final : public Protocol {
public:
    /// Threads it has at most, unless said otherwise (chosen: a stack of some 100 KB is used by each).
    static constexpr std::size_t kDefaultThreads = 256;

    /// `host` outlives it. A connection that would need more than `maxThreads` threads is closed; of several
    /// in a row the log names the first.
    BlockingAdapter(Host& host, std::unique_ptr<BlockingProtocol> protocol,
                    std::size_t maxThreads = kDefaultThreads);

    /// stop(); only then the protocol goes. An ioLoop may use the broker, so rather call stop() before.
    ~BlockingAdapter() override;

    /// Ends all streams, unread input too, and joins the threads. There are no connections from now on. The
    /// plugin calls it from its Plugin::stop. An ioLoop that does not return is waited for, and named in the
    /// log every 5 s. THREAD: any but a loop and ioLoop's.
    void stop();

    std::string_view name() const override { return protocol_->name(); }
    std::unique_ptr<Session> createSession(Connection& connection) override;

private:
    class Threads;

    Host& host_;
    std::unique_ptr<BlockingProtocol> protocol_;
    std::unique_ptr<Threads> threads_;
};

}  // namespace nsq::sdk
