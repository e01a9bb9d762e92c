#pragma once

#include "auth/auth_settings.h"
#include "options/options.h"

namespace nsq::app {

/// What the options say of auth servers. Throws StartError when an address is none.
auth::AuthSettings authSettings(const options::Options& options);

}  // namespace nsq::app
