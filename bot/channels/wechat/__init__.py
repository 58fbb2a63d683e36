"""WeChat Official Accounts (公众号, 服务号): one account is one `WeChat` channel.

WeChat calls us for every message and waits five seconds. The desk's answer goes out in that response when it is ready in
time, which costs nothing and is open to every account; otherwise by customer-service message, of which WeChat allows a few
after each contact; after those by template message or subscription notice; after those by telephone.

    account.py    what an office writes in data/channels.yml, checked
    envelope.py   safe mode: signature, freshness, encryption, XML without surprises
    inbound.py    what came → `Inbound`, and which window it opens
    window.py     the windows of one resident: counted before anything is sent
    replies.py    the desk's messages → what WeChat takes: numbered menus, pieces of 2048 bytes, the reply's XML
    errors.py     WeChat's error codes: what to do, and what staff should know
    client.py     calls to WeChat, and the one access token that all processes share
    menu.py       the menu under the conversation
    check.py      whether the account works, for the office
    channel.py    all of it together
"""

from bot.channels.wechat.account import WeChatAccount, account
from bot.channels.wechat.channel import WeChat
from bot.channels.wechat.inbound import NAME

__all__ = ["NAME", "WeChat", "WeChatAccount", "account"]
