#pragma once

#include <Poco/Net/ServerSocket.h>

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace nsq::app {

/// Tells a file from another one that has taken its name. All 0: no file.
struct FileIdentity {
    dev_t device = 0;
    ino_t number = 0;

    bool operator==(const FileIdentity&) const = default;
};

/// A socket that listens already, so that its address is taken, but that nobody accepts from yet: clients
/// wait. The file of a unix socket is removed with it. THREAD: main.
class BoundSocket {
public:
    /// `address` is that of the option `flag`, and valid. Throws StartError, which names both, when it is in
    /// use, not one of this machine or not permitted. The file of a unix socket that nobody listens on is
    /// replaced.
    BoundSocket(std::string_view flag, const std::string& address);
    BoundSocket(const BoundSocket&) = delete;
    BoundSocket& operator=(const BoundSocket&) = delete;
    ~BoundSocket();

    const Poco::Net::ServerSocket& socket() const { return socket_; }

    /// Where it really listens: `host:port`, or the path of a unix socket.
    const std::string& address() const { return address_; }

    /// -1 for a unix socket.
    int port() const { return port_; }

private:
    Poco::Net::ServerSocket socket_;
    std::string address_;
    int port_ = -1;
    std::filesystem::path file_;  ///< absolute; empty for TCP
    FileIdentity identity_{};     ///< that of the file when it was made
};

}  // namespace nsq::app
