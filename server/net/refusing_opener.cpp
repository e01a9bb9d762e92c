#include "net/refusing_opener.h"

#include "net/error_frame.h"

namespace nsq::net {

std::unique_ptr<sdk::Session> RefusingOpener::open(sdk::Connection& connection, sdk::Bytes) {
    writeErrorFrame(connection.output(), error_);
    return nullptr;
}

}  // namespace nsq::net
