#pragma once

#include <atomic>
#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nsq/sdk/plugin.h"
#include "plugin/host_context.h"
#include "plugin/hosted.h"
#include "plugin/plugin_host.h"

namespace nsq::plugin {

/// One plugin with all that belongs to it. Used by PluginHost only. When something of it does not return in
/// time it must stay until the process ends. THREAD: main; stats: any.
class LoadedPlugin {
public:
    LoadedPlugin(std::filesystem::path file, const sdk::PluginDescriptor& descriptor,
                 boost::dll::shared_library library, std::unique_ptr<sdk::Plugin> plugin);

    const PluginInfo& info() const { return info_; }

    /// `text` as the line that refuses this plugin.
    sdk::Error refusal(const std::string& text) const;

    /// Fails if the plugin does, takes too long, or if anything it registered was refused, even if it does
    /// not care.
    sdk::Result<void> start(const HostContext& context, const std::vector<std::unique_ptr<LoadedPlugin>>& all,
                            bool& haveFallback);

    /// Does nothing unless started. False when it does not return in time.
    bool stop(const HostContext& context);

    /// Destroys everything that is the plugin's; only the mapped library is left. False when that does not
    /// end in time. `context` is null if there was no start.
    bool destroy(const HostContext* context);

    /// Some of its code has not returned in time.
    bool isHanging() const { return owner_ != nullptr && owner_->isHanging(); }

    /// It has started, and its stop has not begun. THREAD: any.
    bool isRunning() const { return running_.load(std::memory_order_acquire); }

    /// While it is running.
    sdk::PluginStats stats() const;

private:
    class Registration;
    struct Start;

    bool hasMagic(const std::string& magic) const;
    bool hasRoute(const std::string& route) const;

    boost::dll::shared_library library_;  ///< first, so that it goes last
    PluginInfo info_;
    std::uint32_t kind_;
    std::uint32_t sdkMajor_;
    std::uint32_t sdkMinor_;
    std::atomic<bool> running_ = false;   ///< from the end of start until the beginning of stop
    faults::CodeOwner* owner_ = nullptr;  ///< from start on
    std::optional<HostFacade> host_;
    std::unique_ptr<sdk::Plugin> plugin_;
    std::vector<std::shared_ptr<HostedProtocol>> protocols_;
    std::vector<std::shared_ptr<HostedHandler>> handlers_;
    std::vector<std::unique_ptr<HostedStatistics>> statistics_;
};

}  // namespace nsq::plugin
