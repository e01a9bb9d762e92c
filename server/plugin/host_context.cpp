#include "plugin/host_context.h"

#include <Poco/Util/MapConfiguration.h>

namespace nsq::plugin {

Poco::AutoPtr<Poco::Util::AbstractConfiguration> HostFacade::settings() {
    auto settings = context_.settings(name_);
    if (settings.isNull()) settings = new Poco::Util::MapConfiguration;  // AutoPtr takes the first reference
    return settings;
}

}  // namespace nsq::plugin
