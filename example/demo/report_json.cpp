// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <ostream>

#include "report.hpp"

namespace demo {
namespace {

namespace json = boost::json;

json::value value_of(std::optional<double> const& figure)
{
    return figure ? json::value(*figure) : json::value(nullptr);
}

} // namespace

void write_json(std::ostream& out, std::vector<results> const& all)
{
    json::array rows;
    for (results const& each : all)
    {
        std::string_view const name = each.load().name;
        rows.push_back(json::object{
            {"workload", json::string_view(name.data(), name.size())},
            {"library", each.with() == library::asio ? "asio" : "opslot"},
            {"rate", each.rate()},
            {"cpu_ns", each.processor_time()},
            {"syscalls", value_of(each.system_calls())},
            {"allocations", value_of(each.allocations())}});
    }
    out << json::serialize(json::object{{"rows", std::move(rows)}}) << '\n';
}

} // namespace demo
