#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "broker/broker.h"
#include "cluster/lookupd_connection.h"
#include "cluster/registrations.h"
#include "net/interrupt.h"
#include "nsq/sdk/host.h"
#include "options/address.h"

namespace nsq::cluster {

/// Keeps one lookupd informed of what there is, on a thread of its own. Without a connection it tries for one
/// every second, and registers everything anew once it has one.
class LookupdPeer {
public:
    /// Starts. `address` is one that parsePeer takes. Broker, info and logger outlive it.
    LookupdPeer(std::string address, const broker::Broker& broker, const sdk::ServerInfo& info,
                spdlog::logger& logger);
    LookupdPeer(const LookupdPeer&) = delete;
    LookupdPeer& operator=(const LookupdPeer&) = delete;

    /// Closes the connection and ends the thread, at once.
    ~LookupdPeer();

    /// Closes the connection; nobody waits for httpAddress() any more. THREAD: any; does not block.
    void stop() { stop_.raise(); }

    /// From now on its end is no error. THREAD: any; does not block.
    void expectEnd() { endIsExpected_.store(true, std::memory_order_relaxed); }

    const std::string& address() const { return name_; }

    /// The topic is to be looked at again. THREAD: any; does not block.
    void onChanged(const std::string& topic);

    /// Where its HTTP API is, if it has told, and no attempt to reach it has failed since. While it is asked
    /// for the first time that is waited for. THREAD: any that may block.
    std::optional<options::HostAndPort> httpAddress(sdk::Clock::time_point deadline);

private:
    void run();
    sdk::Result<void> serve();
    sdk::Result<LookupdConnection> connect();
    sdk::Result<void> identify(LookupdConnection& connection);
    void noteInfo(const LookupdInfo& info);
    void noteUnreachable();
    void noteEnd();
    void registerAnew();
    sdk::Result<void> tellChanges(LookupdConnection& connection);
    std::set<std::string> takeChanged();
    void logChanges(const std::vector<RegistrationChange>& changes, std::size_t topics);
    void logFailure(const sdk::Error& error);
    spdlog::level::level_enum newsLevel() const;

    const std::string name_;
    const options::HostAndPort address_;
    const broker::Broker& broker_;
    const sdk::ServerInfo& info_;
    spdlog::logger& logger_;
    net::Interrupt stop_;
    std::atomic<bool> endIsExpected_{false};
    const net::Fd news_;  ///< an eventfd: there is something in changed_

    std::mutex mutex_;
    std::set<std::string> changed_;
    bool connected_ = false;  ///< else changes need not be remembered
    bool wasAsked_ = false;   ///< the first attempt to hear of its HTTP API is over
    std::condition_variable asked_;
    std::optional<options::HostAndPort> httpAddress_;

    // THREAD: its own.
    Registrations told_;
    bool isAnew_ = false;      ///< what is told next is all there is
    bool isTroubled_ = false;  ///< it failed, and has not been well for the time between two PINGs since
    bool wasLost_ = true;      ///< it has not been reached since the log said that it was

    std::thread thread_;
};

}  // namespace nsq::cluster
