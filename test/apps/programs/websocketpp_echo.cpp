// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// websocketpp, which is written for Asio's sockets, with a configuration that
// names ours: each message goes back.

// First: it would find the name `tcp` of the application in its own functions.
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/server.hpp>

#include "app.hpp"

namespace {

namespace lib = websocketpp::lib;
namespace transport = websocketpp::transport;

/// What websocketpp calls a socket component: basic_socket::connection with
/// another type of socket.
class socket_component : public std::enable_shared_from_this<socket_component>
{
public:
    using ptr = std::shared_ptr<socket_component>;
    using socket_type = tcp::socket;
    using init_handler =
        std::function<void(websocketpp::connection_hdl, tcp::socket&)>;

    ptr get_shared() { return shared_from_this(); }

    bool is_secure() const { return false; }

    void set_socket_init_handler(init_handler) {}

    tcp::socket& get_socket() { return *socket_; }

    tcp::socket& get_next_layer() { return *socket_; }

    tcp::socket& get_raw_socket() { return *socket_; }

    std::string get_remote_endpoint(lib::error_code& error) const
    {
        error_code failed;
        std::ostringstream text;
        text << socket_->remote_endpoint(failed);
        error = failed ? make_error_code(transport::error::pass_through)
                       : lib::error_code();
        return text.str();
    }

    static lib::error_code translate_ec(error_code)
    {
        return make_error_code(transport::error::pass_through);
    }

protected:
    using strand_ptr = std::shared_ptr<asio::io_context::strand>;

    lib::error_code init_asio(asio::io_context* io, strand_ptr, bool)
    {
        socket_.emplace(*io);
        return {};
    }

    void set_uri(websocketpp::uri_ptr) {}

    void pre_init(transport::init_handler callback) { callback({}); }

    void post_init(transport::init_handler callback) { callback({}); }

    void set_handle(websocketpp::connection_hdl) {}

    error_code cancel_socket()
    {
        error_code error;
        socket_->cancel(error);
        return error;
    }

    void async_shutdown(transport::asio::socket::shutdown_handler handler)
    {
        error_code error;
        socket_->shutdown(tcp::socket::shutdown_both, error);
        handler(error);
    }

    lib::error_code get_ec() const { return {}; }

private:
    std::optional<tcp::socket> socket_;
};

/// And its factory.
class socket_policy
{
public:
    using socket_con_type = socket_component;
    using socket_con_ptr = socket_component::ptr;

    bool is_secure() const { return false; }

protected:
    lib::error_code init(socket_con_ptr) { return {}; }
};

//[config
struct config : websocketpp::config::asio
{
    using type = config;

    struct transport_config : websocketpp::config::asio::transport_config
    {
        using socket_type = socket_policy;
    };

    using transport_type = transport::asio::endpoint<transport_config>;
};

//]

class server
{
public:
    server(asio::io_context& io, tcp::endpoint const& endpoint)
    {
        server_.clear_access_channels(websocketpp::log::alevel::all);
        server_.init_asio(&io);
        server_.set_message_handler(
            [this](auto connection, auto const& message) {
                server_.send(
                    connection, message->get_payload(), message->get_opcode());
            });
        server_.listen(endpoint);
        server_.start_accept();
    }

    tcp::endpoint local_endpoint()
    {
        lib::asio::error_code error;
        return server_.get_local_endpoint(error);
    }

private:
    websocketpp::server<config> server_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<server>(argc, argv);
}
