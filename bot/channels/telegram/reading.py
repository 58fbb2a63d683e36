"""An update of Telegram's as the desk hears it. Pure: it asks nobody and keeps nothing.

What is not for the desk is None: what is said in a group to others, service messages, other bots, the moving of a live
location. In a group the bot hears a mention of it, an answer to it, or a command; with privacy mode on Telegram hardly sends
it more, and often not even the mention.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import telegram
from telegram import MessageEntity, Update
from telegram.constants import ChatMemberStatus, ChatType

from bot.channels import Inbound
from bot.channels.telegram.account import NAME, MenuItem, TelegramAccount
from bot.core.types import Language, Media

#: What the desk asks Telegram for. Said at each poll, because Telegram keeps the last list it was given, by whomever.
ALLOWED: Final = (Update.MESSAGE, Update.EDITED_MESSAGE, Update.CALLBACK_QUERY, Update.MY_CHAT_MEMBER)
#: What a deep link may carry (core.telegram.org/bots/features, Deep linking). The rest was typed by hand.
_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COMMAND: Final = re.compile(r"/(?P<name>[A-Za-z0-9_]{1,32})(?:@(?P<bot>[A-Za-z0-9_]+))?(?:\s+(?P<rest>.*))?", re.DOTALL)
_GROUPS: Final = (ChatType.GROUP, ChatType.SUPERGROUP)
_OUT: Final = (ChatMemberStatus.BANNED, ChatMemberStatus.LEFT)

Contents: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A message for the desk, and what is left to do about it.

    Args:
        number: Telegram's number of the message within its chat; 0 for what is no message.
        edit: it replaces an earlier message of that number.
        query: the tap that waits to be answered.
    """

    message: Inbound
    number: int = 0
    edit: bool = False
    query: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """A group became another chat."""

    chat: int
    to: int


# ── What a message holds ────────────────────────────────────────────────────────────────────────────────────────────


def _photo(message: telegram.Message) -> Contents:
    largest = max(message.photo, key=lambda size: size.width * size.height)
    return {"media": (Media("photo", largest.file_id),)}


def _document(message: telegram.Message) -> Contents:
    """A picture sent "as a file" is a photo to whoever looks at the leak."""
    document = message.document
    assert document is not None
    picture = (document.mime_type or "").startswith("image/")
    return {"media": (Media("photo" if picture else "file", document.file_id),)}


def _voice(message: telegram.Message) -> Contents:
    assert message.voice is not None
    return {"media": (Media("voice", message.voice.file_id),)}


def _file(kind: str) -> Callable[[telegram.Message], Contents]:
    return lambda message: {"media": (Media("file", getattr(message, kind).file_id),)}


def _location(message: telegram.Message) -> Contents:
    assert message.location is not None
    return {"location": f"{message.location.latitude:.6f},{message.location.longitude:.6f}"}


def _venue(message: telegram.Message) -> Contents:
    venue = message.venue
    assert venue is not None
    place = f"{venue.location.latitude:.6f},{venue.location.longitude:.6f}"
    return {"location": " ".join(part for part in (place, venue.title, venue.address) if part)}


def own_contact(message: telegram.Message) -> bool:
    """Telegram itself finds the account that belongs to the number of a card, so a card of the sender's account is the
    sender's number (Bot API, Contact.user_id). A card of anybody else vouches for nothing."""
    return (
        message.contact is not None
        and message.from_user is not None
        and message.contact.user_id == message.from_user.id
    )


def _contact(message: telegram.Message) -> Contents:
    contact = message.contact
    assert contact is not None
    number = "+" + contact.phone_number.lstrip("+")
    if own_contact(message):
        return {"phone": number}
    return {"text": " ".join(part for part in (contact.first_name, contact.last_name, number) if part)}


def _sticker(message: telegram.Message) -> Contents:
    return {"text": (message.sticker.emoji or "") if message.sticker else ""}


def _wordless(message: telegram.Message) -> Contents:
    return {}


#: Attribute of a message → what it says to the desk. The first that is there counts: a venue has a location as well.
READERS: Final[Mapping[str, Callable[[telegram.Message], Contents]]] = {
    "photo": _photo,
    "voice": _voice,
    "venue": _venue,
    "location": _location,
    "contact": _contact,
    "animation": _file("animation"),
    "document": _document,
    "video": _file("video"),
    "video_note": _file("video_note"),
    "audio": _file("audio"),
    "sticker": _sticker,
    # Heard as a message without words, so that the resident is answered rather than left waiting.
    "poll": _wordless,
    "dice": _wordless,
    "game": _wordless,
    "story": _wordless,
    "checklist": _wordless,
    "paid_media": _wordless,
}


# ── Whom it is for ──────────────────────────────────────────────────────────────────────────────────────────────────


class Reader:
    """Reads for one bot. `menu` says what its commands mean."""

    def __init__(self, account: TelegramAccount, menu: tuple[MenuItem, ...] = ()) -> None:
        self._account = account
        self._menu = {item.command: item.button for item in menu}

    def read(self, update: Update) -> Said | Moved | None:
        """What the update says to the desk; None: nothing."""
        blank = Inbound(NAME, self._account.account, str(update.update_id), "")
        if update.callback_query is not None:
            return self._tap(blank, update.callback_query)
        if update.my_chat_member is not None:
            return self._membership(blank, update.my_chat_member)
        message = update.message or update.edited_message
        if message is None:
            return None
        if message.migrate_to_chat_id is not None:
            return Moved(message.chat.id, message.migrate_to_chat_id)
        return self._message(blank, message, edit=update.edited_message is not None)

    def wordless(self, update: Update) -> Said | None:
        """Somebody said something in their own chat, whatever it was."""
        chat = update.effective_chat
        if chat is None or chat.type != ChatType.PRIVATE:
            return None
        return Said(Inbound(NAME, self._account.account, str(update.update_id), str(chat.id)))

    def _tap(self, blank: Inbound, query: telegram.CallbackQuery) -> Said | None:
        # A message too old to be shown still names its chat; a button of an inline message does not, and is none of ours.
        if query.message is None or not query.data:
            return None
        chat = query.message.chat
        return Said(
            replace(
                blank,
                address=str(chat.id),
                tap=query.data,
                sender_name=query.from_user.full_name,
                group=chat.type in _GROUPS,
            ),
            query=query.id,
        )

    def _membership(self, blank: Inbound, change: telegram.ChatMemberUpdated) -> Said | None:
        # Who unblocks the bot presses "Restart" or writes: that arrives by itself.
        if change.new_chat_member.status not in _OUT or change.chat.type == ChatType.CHANNEL:
            return None
        return Said(
            replace(blank, address=str(change.chat.id), event="left", group=change.chat.type in _GROUPS)
        )

    def _message(self, blank: Inbound, message: telegram.Message, *, edit: bool) -> Said | None:
        sender = message.from_user
        group = message.chat.type in _GROUPS
        if message.chat.type == ChatType.CHANNEL or (sender and sender.is_bot and message.sender_chat is None):
            return None
        if edit and message.location is not None:
            return None
        kind = next((name for name in READERS if getattr(message, name)), None)
        words = message.text or message.caption or ""
        if kind is None and not words:
            return None
        command = _COMMAND.fullmatch(words) if _starts_with_command(message) else None
        if group and not self.addressed(message, command):
            return None
        blank = replace(
            blank,
            address=str(message.chat.id),
            sender_name=sender.full_name if sender else "",
            group=group,
        )
        if command is not None:
            heard = self._command(blank, command, sender)
        else:
            heard = replace(blank, **{"text": self._without_mention(message, words), **(READERS[kind](message) if kind else {})})
        return Said(heard, number=message.message_id, edit=edit)

    def _command(self, blank: Inbound, command: re.Match[str], sender: telegram.User | None) -> Inbound:
        name, rest = command["name"].lower(), (command["rest"] or "").strip()
        if name == "start":
            # The one message that needs no words to be understood; the language of the phone says how to greet.
            payload = rest if _PAYLOAD.fullmatch(rest) else ""
            return replace(blank, event="arrived", start=payload, language=_language(sender))
        if rest:
            return replace(blank, text=rest)
        if name in self._menu:
            return replace(blank, button=self._menu[name])
        return replace(blank, text=f"/{name}")

    def addressed(self, message: telegram.Message, command: re.Match[str] | None) -> bool:
        """Whether what is said in a group is said to this bot."""
        if command is not None and command["bot"]:
            return command["bot"].lower() == self._account.username.lower()
        answered = message.reply_to_message
        if answered is not None and answered.from_user is not None and answered.from_user.id == self._account.bot_id:
            return True
        return command is not None or any(True for _ in self._mentions(message))

    def _mentions(self, message: telegram.Message) -> list[MessageEntity]:
        mine = "@" + self._account.username.lower()
        found = {**message.parse_entities([MessageEntity.MENTION]), **message.parse_caption_entities([MessageEntity.MENTION])}
        return [entity for entity, name in found.items() if name.lower() == mine]

    def _without_mention(self, message: telegram.Message, words: str) -> str:
        """The words without "@bot", which means nothing to the language model."""
        for entity in sorted(self._mentions(message), key=lambda entity: -entity.offset):
            # Offsets count UTF-16 code units.
            raw = words.encode("utf-16-le")
            raw = raw[: entity.offset * 2] + raw[(entity.offset + entity.length) * 2 :]
            words = raw.decode("utf-16-le").strip(" \n,，:：")
        return words


def _starts_with_command(message: telegram.Message) -> bool:
    return any(entity.type == MessageEntity.BOT_COMMAND and entity.offset == 0 for entity in message.entities)


def _language(sender: telegram.User | None) -> Language | None:
    """Of the phone: Chinese for Chinese, English for every other; a phone that does not say leaves it open."""
    code = (sender.language_code or "") if sender else ""
    if not code:
        return None
    return "zh" if code.lower().startswith("zh") else "en"
