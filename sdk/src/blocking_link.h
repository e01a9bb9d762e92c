#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "nsq/sdk/blocking_stream.h"
#include "nsq/sdk/broker.h"
#include "nsq/sdk/connection.h"
#include "nsq/sdk/session.h"

namespace nsq::sdk {

/// What a connection's session, on its loop, and its stream, on a thread, share. Either may go first: each
/// holds a share, and after detach() the thread touches nothing of the connection.
class BlockingLink final : private LoopTask, private SubscriptionListener {
public:
    using Deadline = Clock::time_point;

    /// The most that waits here in each direction, in bytes (promised by BlockingStream), and the most
    /// that is taken of a subscription at once (chosen).
    static constexpr std::size_t kRoom = 64 * 1024;

    /// THREAD: the connection's loop.
    explicit BlockingLink(Connection& connection);
    ~BlockingLink() = default;

    // THREAD: the connection's loop.

    /// Returns how many bytes found room.
    std::size_t give(Bytes data);
    void endInput();
    void describe(ClientStats& stats) const;

    /// What there is to do on the loop. Throws what fail() was given.
    void run() override;

    /// The connection closes. What the thread has written still goes out, if there is memory for it; messages
    /// that it has not seen go back to their channel. Returns the exception of fail(), if run() did not come
    /// to it.
    std::exception_ptr detach() noexcept;

    // THREAD: the stream's.

    StreamStatus receive(std::string& bytes, Deadline deadline);

    /// False when the connection is gone or took too little for so long.
    bool send(Bytes bytes, std::chrono::milliseconds timeout);

    /// Runs `call` on the loop and waits for it. False: the connection is gone, and it did not run. An
    /// exception out of it comes out here.
    bool callOnLoop(const std::function<void(Connection&)>& call);

    Result<void> subscribe(Broker& broker, std::string_view topic, std::string_view channel,
                           const SubscribeOptions& options);

    /// Messages that were not received go back to the channel.
    void unsubscribe();

    /// kExiting without a subscription or connection.
    Result<void> callSubscription(const std::function<Result<void>(Subscription&)>& call);

    /// Waits for a message, or with `orInput` for what receive() has. `owner` keeps what `message` points to.
    StreamStatus receiveMessage(MessageView& message, BufferRef& owner, Deadline deadline, bool orInput);

    /// Closes once what was written is sent.
    void close(std::string_view reason);

    /// Takes `failure`, for run() to throw once what was written is the connection's; but not when that is
    /// gone.
    void fail(std::exception_ptr& failure);

    // THREAD: any.

    /// The stream ends: reads, writes and whatever else waits. What was received is dropped.
    void end();

    /// end() was called.
    bool hasEnded() const;

    /// The stream has ended, or the connection has.
    bool isOver() const;

private:
    void onMessagesReady() override;
    void onSubscriptionClosed() override;

    void wakeLoop();
    void runCall();
    void moveOutput();
    void moveMessages();
    void requeueUnseen() noexcept;
    bool takeUnseen(MessageRun& run);
    bool isOpen() const { return connection_ != nullptr && !ended_ && !closing_; }
    bool inputWaits() const { return !input_.empty() || (inputEnded_ && !inputLeft_); }

    Loop& loop_;

    mutable std::mutex mutex_;         ///< guards the rest, but for what is said below
    std::condition_variable changed_;  ///< for the thread
    Connection* connection_;           ///< null once the session is gone; changed on the loop only
    std::string input_;                ///< received, for the thread
    bool inputEnded_ = false;
    bool inputLeft_ = false;  ///< the session left some for want of room
    bool resume_ = false;     ///< there is room for what it left
    std::string output_;      ///< written, for the connection
    std::string closeReason_;
    bool closing_ = false;                                    ///< the thread is done with the connection
    std::exception_ptr failure_;                              ///< for run() to throw
    bool ended_ = false;                                      ///< end() was called
    const std::function<void(Connection&)>* call_ = nullptr;  ///< waits for the loop
    bool callRan_ = false;
    std::exception_ptr callError_;
    std::deque<MessageRun> runs_;  ///< taken; their frames are those that the thread has not seen
    bool wantsRuns_ = false;       ///< the thread waits for them
    bool subscriptionOver_ = false;

    // THREAD: the connection's loop.
    std::unique_ptr<Subscription> subscription_;
    bool news_ = false;  ///< there may be something to take
    std::string topic_;
    std::string channel_;
    std::uint64_t messageCount_ = 0;
};

}  // namespace nsq::sdk
