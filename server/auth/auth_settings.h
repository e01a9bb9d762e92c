#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "auth/server_address.h"

namespace nsq::auth {

/// Whom to ask what clients may do, and how long to wait.
struct AuthSettings {
    std::vector<ServerAddress> servers;  ///< none: clients may do everything
    std::chrono::milliseconds connectTimeout{2000};
    std::chrono::milliseconds requestTimeout{5000};  ///< of a whole request to one server
    std::string rootCaFile;                          ///< PEM; empty: the system's
};

}  // namespace nsq::auth
