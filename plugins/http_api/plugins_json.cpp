#include "plugins_json.h"

#include <Poco/JSON/Object.h>

#include <cmath>
#include <filesystem>
#include <sstream>

#include "nsq/sdk/plugin.h"

namespace nsq::http_api {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

namespace {

/// Whole numbers beyond this have no exact double.
constexpr double kLargestWhole = 9007199254740992.0;

Object::Ptr makeObject() {
    return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

Array::Ptr textsJson(const std::vector<std::string>& texts) {
    Array::Ptr json = new Array;
    for (const std::string& text : texts) json->add(text);
    return json;
}

Array::Ptr kindsJson(std::uint32_t kind) {
    Array::Ptr json = new Array;
    if ((kind & sdk::kProtocolPlugin) != 0) json->add("protocol");
    if ((kind & sdk::kHttpPlugin) != 0) json->add("http");
    return json;
}

/// JSON has no infinity.
Var numberJson(double value) {
    if (!std::isfinite(value)) return {};
    if (std::abs(value) <= kLargestWhole && std::trunc(value) == value)
        return static_cast<std::int64_t>(value);
    return value;
}

Array::Ptr ownStatisticsJson(const sdk::PluginStats& plugin) {
    Array::Ptr json = new Array;
    for (const sdk::Statistic& statistic : plugin.statistics) {
        Object::Ptr entry = makeObject();
        entry->set("name", statistic.name);
        entry->set("help", statistic.help);
        entry->set("type", statistic.kind == sdk::Statistic::Kind::kCounter ? "counter" : "gauge");
        entry->set("value", numberJson(statistic.value));
        json->add(entry);
    }
    return json;
}

Object::Ptr pluginJson(const sdk::PluginStats& plugin) {
    Object::Ptr json = makeObject();
    json->set("name", plugin.name);
    json->set("version", plugin.version);
    json->set("sdk_version", std::to_string(plugin.sdkMajor) + '.' + std::to_string(plugin.sdkMinor));
    json->set("kinds", kindsJson(plugin.kind));
    json->set("built_in", plugin.builtIn);
    // Not where it lies: who may read statistics need not know the server's folders.
    json->set("file", std::filesystem::path{plugin.file}.filename().string());
    json->set("magics", textsJson(plugin.magics));
    json->set("routes", textsJson(plugin.routes));
    json->set("connection_count", plugin.connections);
    json->set("connection_total", plugin.connectionsTotal);
    json->set("request_count", plugin.requests);
    json->set("error_count", plugin.errors);
    json->set("last_error", plugin.lastError);
    json->set("statistics", ownStatisticsJson(plugin));
    return json;
}

}  // namespace

std::string pluginsJson(const std::vector<sdk::PluginStats>& plugins) {
    Array::Ptr list = new Array;
    for (const sdk::PluginStats& plugin : plugins) list->add(pluginJson(plugin));
    Object json(Poco::JSON_PRESERVE_KEY_ORDER);
    json.set("plugins", list);
    std::ostringstream out;
    json.stringify(out);
    return out.str();
}

Array::Ptr statisticsJson(const std::vector<sdk::PluginStats>& plugins) {
    Array::Ptr json = new Array;
    for (const sdk::PluginStats& plugin : plugins) {
        if (plugin.statistics.empty()) continue;
        Object::Ptr entry = makeObject();
        entry->set("name", plugin.name);
        entry->set("statistics", ownStatisticsJson(plugin));
        json->add(entry);
    }
    return json;
}

}  // namespace nsq::http_api
