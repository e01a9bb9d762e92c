#pragma once

#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <memory>

#include "nsq/sdk/plugin.h"
#include "nsq/sdk/result.h"

/// The steps from a file to a plugin, to be taken in this order. Every error's text is the reason alone; the
/// caller puts the file's name before it.
namespace nsq::plugin {

/// Whether this server can use a plugin that says this of itself.
sdk::Result<void> checkDescriptor(const sdk::PluginDescriptor& descriptor);

/// Reads and checks the descriptor, and that the factory is what it must be. Nothing of the file is run.
sdk::Result<sdk::PluginDescriptor> inspectPlugin(const std::filesystem::path& file);

/// Maps the file, resolving every symbol now, and makes sure that it is the one that was inspected.
sdk::Result<boost::dll::shared_library> mapPlugin(const std::filesystem::path& file,
                                                  const sdk::PluginDescriptor& inspected);

/// Calls the factory.
sdk::Result<std::unique_ptr<sdk::Plugin>> makePlugin(const boost::dll::shared_library& library);

}  // namespace nsq::plugin
