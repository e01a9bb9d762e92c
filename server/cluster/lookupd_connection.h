#pragma once

#include <Poco/Net/StreamSocket.h>

#include <span>
#include <string>

#include "cluster/lookupd_protocol.h"
#include "net/interrupt.h"
#include "options/address.h"

namespace nsq::cluster {

/// A connection to a lookupd: commands and their answers. Whatever fails, it is of no use afterwards. Every
/// wait ends when nothing moves for a second, or when it is interrupted. THREAD: one, which may block.
class LookupdConnection {
public:
    /// Connects. kInvalid.
    static sdk::Result<LookupdConnection> open(const options::HostAndPort& address,
                                               const net::Interrupt& interrupt);

    /// Sends a whole command and returns the answer to it. kInvalid.
    sdk::Result<std::string> ask(std::string_view command);

    /// Sends commands, each without the end of its line, does not wait for the answers one by one, and
    /// expects that all are OK. kInvalid.
    sdk::Result<void> tell(std::span<const std::string> commands);

    /// It can be read between commands when the lookupd has closed it, or is none.
    int fd() const { return socket_.impl()->sockfd(); }

    /// Why it can be read then.
    sdk::Error reasonToRead();

private:
    LookupdConnection(Poco::Net::StreamSocket socket, const net::Interrupt& interrupt)
        : socket_(std::move(socket)), interrupt_(&interrupt) {}

    sdk::Result<void> wait(short events) const;
    sdk::Result<void> send(std::string_view bytes);
    sdk::Result<std::string> receive();
    sdk::Result<void> expectOk();

    Poco::Net::StreamSocket socket_;
    const net::Interrupt* interrupt_;
    AnswerReader answers_;
};

}  // namespace nsq::cluster
