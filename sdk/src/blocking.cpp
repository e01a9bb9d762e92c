#include "nsq/sdk/blocking.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "blocking_link.h"
#include "link_stream.h"

namespace nsq::sdk {

namespace {

using namespace std::chrono_literals;

/// An ioLoop that has not returned for so long after stop() is named in the log (chosen).
constexpr auto kStopPatience = 5s;

/// A thread's name in Linux.
constexpr std::size_t kMaxThreadName = 15;

/// Logs an exception that no loop comes to any more. Never throws.
void logFailure(Host& host, std::string_view protocol, std::string_view remoteAddress,
                const std::exception_ptr& failure) noexcept {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        host.logger().error("{}: the {} ioLoop failed, its connection is gone: {}", remoteAddress, protocol,
                            error.what());
    } catch (...) {
        host.logger().error("{}: the {} ioLoop failed, its connection is gone: an exception of unknown type",
                            remoteAddress, protocol);
    }
}

class BlockingSession final : public Session {
public:
    BlockingSession(Host& host, std::string_view protocol, const std::string& remoteAddress,
                    std::shared_ptr<BlockingLink> link)
        : host_(host), protocol_(protocol), remoteAddress_(remoteAddress), link_(std::move(link)) {}
    ~BlockingSession() override {
        if (const std::exception_ptr failure = link_->detach()) {
            logFailure(host_, protocol_, remoteAddress_, failure);
        }
    }

    std::size_t onData(Bytes data) override {
        const std::size_t magic = std::exchange(magicLeft_, 0);
        return magic + link_->give(data.subspan(magic));
    }
    std::size_t maxPending() const override { return 0; }
    void onOutputDrained() override { link_->run(); }
    bool onInputEnd() override {
        link_->endInput();
        return true;
    }
    void describe(ClientStats& stats) const override {
        stats.protocol = protocol_;
        link_->describe(stats);
    }

private:
    Host& host_;
    const std::string protocol_;
    const std::string& remoteAddress_;
    const std::shared_ptr<BlockingLink> link_;
    std::size_t magicLeft_ = std::tuple_size_v<Magic>;
};

}  // namespace

/// The threads of an adapter, one for each connection.
class BlockingAdapter::Threads {
public:
    Threads(Host& host, BlockingProtocol& protocol, std::size_t most)
        : host_(host), protocol_(protocol), most_(most) {}

    /// False, and why in the log, when there can be no thread for it. THREAD: any.
    bool serve(const std::shared_ptr<BlockingLink>& link, const std::string& remoteAddress);

    /// THREAD: one at a time.
    void stop();

private:
    struct Worker {
        std::shared_ptr<BlockingLink> link;
        std::string remoteAddress;
        std::thread thread;
    };

    void logRefusal(const std::string& remoteAddress);
    void run(std::list<Worker>::iterator self);
    std::exception_ptr runIoLoop(Worker& worker);
    void joinFinished();

    Host& host_;
    BlockingProtocol& protocol_;
    const std::size_t most_;

    std::mutex mutex_;  ///< guards the rest
    std::condition_variable finishedOne_;
    std::list<Worker> running_;
    std::list<Worker> finished_;  ///< at their last steps, to be joined
    bool refusing_ = false;       ///< the last one was, and the log says so
    bool stopped_ = false;
};

bool BlockingAdapter::Threads::serve(const std::shared_ptr<BlockingLink>& link,
                                     const std::string& remoteAddress) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return false;
    joinFinished();
    if (running_.size() >= most_) {
        if (!std::exchange(refusing_, true)) logRefusal(remoteAddress);
        return false;
    }
    refusing_ = false;
    const auto worker = running_.insert(running_.end(), {link, remoteAddress, {}});
    try {
        worker->thread = std::thread([this, worker] { run(worker); });
    } catch (const std::exception& error) {  // system_error, or memory ran out
        running_.erase(worker);
        host_.logger().error("{}: {} is refused: no thread for it: {}", protocol_.name(), remoteAddress,
                             error.what());
        return false;
    }
    const std::string name{protocol_.name().substr(0, kMaxThreadName)};
    pthread_setname_np(worker->thread.native_handle(), name.c_str());
    return true;
}

/// With the lock held.
void BlockingAdapter::Threads::logRefusal(const std::string& remoteAddress) {
    const auto over =
        std::ranges::count_if(running_, [](const Worker& worker) { return worker.link->isOver(); });
    host_.logger().warn(
        "{}: refusing connections, {} is the first: all {} threads are in use, {} of them for clients that "
        "are "
        "gone",
        protocol_.name(), remoteAddress, most_, over);
}

void BlockingAdapter::Threads::run(std::list<Worker>::iterator self) {
    std::exception_ptr failure = runIoLoop(*self);
    {
        const std::lock_guard lock(mutex_);
        finished_.splice(finished_.end(), running_, self);
        finishedOne_.notify_all();
    }
    // Only now: a client that sees its connection closed can have another. The worker stays until this thread
    // has ended.
    if (!failure) return self->link->close("ioLoop has returned");
    self->link->fail(failure);
    if (failure) logFailure(host_, protocol_.name(), self->remoteAddress, failure);
}

/// Returns the exception that came out of it, or null.
std::exception_ptr BlockingAdapter::Threads::runIoLoop(Worker& worker) {
    LinkStream stream(host_, *worker.link, worker.remoteAddress);
    try {
        protocol_.ioLoop(stream);
        return nullptr;
    } catch (...) {
        return std::current_exception();
    }
}

/// With the lock held. They do nothing more that takes it.
void BlockingAdapter::Threads::joinFinished() {
    for (Worker& worker : finished_) worker.thread.join();
    finished_.clear();
}

void BlockingAdapter::Threads::stop() {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    for (Worker& worker : running_) worker.link->end();
    while (!finishedOne_.wait_for(lock, kStopPatience, [this] { return running_.empty(); })) {
        for (const Worker& worker : running_) {
            host_.logger().warn("{}: waiting for the ioLoop of {}, whose stream has ended", protocol_.name(),
                                worker.remoteAddress);
        }
    }
    joinFinished();
}

BlockingAdapter::BlockingAdapter(Host& host, std::unique_ptr<BlockingProtocol> protocol,
                                 std::size_t maxThreads)
    : host_(host),
      protocol_(std::move(protocol)),
      threads_(std::make_unique<Threads>(host_, *protocol_, maxThreads)) {}

BlockingAdapter::~BlockingAdapter() {
    stop();
}

void BlockingAdapter::stop() {
    threads_->stop();
}

std::unique_ptr<Session> BlockingAdapter::createSession(Connection& connection) {
    auto link = std::make_shared<BlockingLink>(connection);
    auto session = std::make_unique<BlockingSession>(host_, name(), connection.remoteAddress(), link);
    if (!threads_->serve(link, connection.remoteAddress())) return nullptr;
    return session;
}

}  // namespace nsq::sdk
