#include "net/refusing_opener.h"

#include "net/error_frame.h"

namespace nsq::net {

std::unique_ptr<sdk::Session> RefusingOpener::open(sdk::Connection& connection, sdk::Bytes) {
    writeError(connection.output(), form_, error_);
    return nullptr;
}

}  // namespace nsq::net
