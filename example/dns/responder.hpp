#ifndef OPSLOT_EXAMPLE_RESPONDER_HPP
#define OPSLOT_EXAMPLE_RESPONDER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

/// Names and their addresses, from a file in the form of /etc/hosts.
class hosts
{
public:
    using addresses = std::vector<boost::asio::ip::address>;

    hosts() = default;

    /// Throws `std::runtime_error` if the file cannot be read.
    explicit hosts(std::string const& file)
    {
        std::ifstream in(file);
        for (std::string line; std::getline(in, line);)
        {
            std::istringstream words(line.substr(0, line.find('#')));
            std::string address;
            words >> address;
            boost::system::error_code ec;
            auto const a = boost::asio::ip::make_address(address, ec);
            for (std::string name; !ec && words >> name;)
            {
                add(name, a);
            }
        }
        if (!in.eof())
        {
            throw std::runtime_error("cannot read " + file);
        }
    }

    void add(std::string name, boost::asio::ip::address const& a)
    {
        std::transform(name.begin(), name.end(), name.begin(), to_lower);
        all_[name].push_back(a);
    }

    /// Null if there is no such name. It has small letters.
    addresses const* find(std::string_view name) const
    {
        auto const found = all_.find(name);
        return found == all_.end() ? nullptr : &found->second;
    }

    static char to_lower(char c)
    {
        return 'A' <= c && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }

private:
    std::map<std::string, addresses, std::less<>> all_;
};

/** Turns a query into its reply, in place (RFC 1035).

    @verbatim
      | id, flags, four counts: 12 bytes | name, type, class | answers ...
    @endverbatim

    The question stays where it is, and the answers point to its name.
*/
class responder
{
public:
    /// What goes into a datagram (RFC 1035, 4.2.1). A longer query is cut.
    static constexpr std::size_t capacity = 512;

    explicit responder(hosts const& h)
        : hosts_(h)
    {}

    /** Answers a query.

        @param buffer `capacity` bytes, with the query at their beginning.
        @param size That of the query.
        @return The size of the reply; 0: there is none.
    */
    std::size_t answer(char* buffer, std::size_t size)
    {
        data_ = reinterpret_cast<unsigned char*>(buffer);
        if (size < header_size || (data_[2] & 0x80) != 0) // no query
        {
            return 0;
        }
        size_ = header_size;
        bool const is_standard = (data_[2] & 0x78) == 0;
        bool const is_one = get(4) == 1 && get(6) == 0 && get(8) == 0;
        if (!is_standard || !is_one || !read_name(size) || size_ + 4 > size)
        {
            size_ = header_size;
            return finish(is_standard ? format_error : not_implemented, 0, 0);
        }
        unsigned const type = get(size_);
        unsigned const network = get(size_ + 2);
        size_ += 4;
        auto const* const found = hosts_.find({name_, name_size_});
        if (network != internet)
        {
            return finish(refused, 1, 0);
        }
        return finish(
            found ? no_error : no_such_name,
            1,
            found ? write(*found, type) : 0);
    }

private:
    enum
    {
        header_size = 12,
        internet = 1,
        no_error = 0,
        format_error = 1,
        no_such_name = 3,
        not_implemented = 4,
        refused = 5
    };

    // Labels of up to 63 bytes, each behind its size, up to one of size 0.
    bool read_name(std::size_t size)
    {
        name_size_ = 0;
        for (;;)
        {
            std::size_t const length = size_ < size ? data_[size_++] : 64;
            if (length > 63 || size_ + length > size ||
                name_size_ + length + 1 > sizeof(name_))
            {
                return false;
            }
            if (length == 0)
            {
                return true;
            }
            if (name_size_ != 0)
            {
                name_[name_size_++] = '.';
            }
            for (std::size_t i = 0; i != length; ++i)
            {
                name_[name_size_++] =
                    hosts::to_lower(static_cast<char>(data_[size_++]));
            }
        }
    }

    // Returns how many addresses of this type fit.
    unsigned write(hosts::addresses const& all, unsigned type)
    {
        unsigned count = 0;
        for (auto const& each : all)
        {
            bool const is_v4 = each.is_v4();
            std::size_t const length = is_v4 ? 4 : 16;
            if (type != (is_v4 ? 1u : 28u) || size_ + 12 + length > capacity)
            {
                continue;
            }
            put(0xc000 | header_size); // the name of the question
            put(type);
            put(internet);
            put(0);
            put(60); // seconds to keep it
            put(static_cast<unsigned>(length));
            is_v4 ? append(each.to_v4().to_bytes())
                  : append(each.to_v6().to_bytes());
            ++count;
        }
        return count;
    }

    std::size_t finish(unsigned code, unsigned questions, unsigned answers)
    {
        data_[2] = static_cast<unsigned char>(0x84 | (data_[2] & 0x79));
        data_[3] = static_cast<unsigned char>(code);
        std::size_t const end = size_;
        size_ = 4;
        put(questions);
        put(answers);
        put(0);
        put(0);
        return size_ = end;
    }

    unsigned get(std::size_t at) const
    {
        return (data_[at] << 8 | data_[at + 1]) & 0xffffu;
    }

    void put(unsigned number)
    {
        data_[size_++] = static_cast<unsigned char>(number >> 8);
        data_[size_++] = static_cast<unsigned char>(number & 0xff);
    }

    template<typename Bytes>
    void append(Bytes const& bytes)
    {
        std::memcpy(data_ + size_, bytes.data(), bytes.size());
        size_ += bytes.size();
    }

    hosts const& hosts_;
    unsigned char* data_ = nullptr;
    std::size_t size_ = 0;
    char name_[256];
    std::size_t name_size_ = 0;
};

} // namespace dns

#endif
