"""The table of networks, in the order in which they are listed.

Addresses move (Reddit's did twice in a year), so front ends read this table through the API instead of copying it.
"""

from __future__ import annotations

from sharing.networks.lengths import Counting
from sharing.networks.model import Limit, Network, Parameter, Status

DOCUMENTED, CONVENTION, RETIRED = Status.DOCUMENTED, Status.CONVENTION, Status.RETIRED

URL = Parameter("url", ("url",))
TITLE = Parameter("title", ("title",))
TITLE_AND_URL = Parameter("text", ("title", "url"))

NETWORKS: tuple[Network, ...] = (
    Network(
        "facebook",
        "Facebook",
        CONVENTION,
        "https://www.facebook.com/sharer/sharer.php",
        (Parameter("u", ("url",)),),
        note="Title and image come from the page's Open Graph tags only; quote and hashtag have no effect any more.",
    ),
    Network(
        "pinterest",
        "Pinterest",
        CONVENTION,
        "https://www.pinterest.com/pin/create/button/",
        (
            URL,
            Parameter("media", ("image",)),
            Parameter("description", ("title",), limit=Limit(800, Counting.CHARACTERS, link=0)),
        ),
        note="Without media the reader picks an image of the page. 800 is the limit of a pin's description.",
    ),
    Network(
        "linkedin",
        "LinkedIn",
        DOCUMENTED,
        "https://www.linkedin.com/sharing/share-offsite/",
        (URL,),
        note='Microsoft Learn, "Share on LinkedIn": the address is all that it takes.',
    ),
    Network(
        "x",
        "X",
        DOCUMENTED,
        "https://x.com/intent/tweet",
        (Parameter("text", ("title",), limit=Limit(280, Counting.WEIGHTED, link=23)), URL),
        aliases=("twitter",),
        note='X, "Web intent" and "Counting characters": every address costs 23.',
    ),
    Network(
        "whatsapp",
        "WhatsApp",
        CONVENTION,
        "https://api.whatsapp.com/send",
        (TITLE_AND_URL,),
        note="Click to chat is documented with a number; without one the reader chooses whom to send it.",
    ),
    Network(
        "telegram",
        "Telegram",
        DOCUMENTED,
        "https://t.me/share/url",
        (URL, Parameter("text", ("title",), limit=Limit(4096, Counting.CHARACTERS))),
        note='Telegram, "Deep links".',
    ),
    Network("reddit", "Reddit", CONVENTION, "https://www.reddit.com/submit", (URL, TITLE)),
    Network(
        "bluesky",
        "Bluesky",
        DOCUMENTED,
        "https://bsky.app/intent/compose",
        (Parameter("text", ("title", "url"), limit=Limit(300, Counting.GRAPHEMES)),),
        note='Bluesky, "Action intent links": text only, 300 grapheme clusters.',
    ),
    Network(
        "threads",
        "Threads",
        DOCUMENTED,
        "https://www.threads.net/intent/post",
        (Parameter("text", ("title",), limit=Limit(500, Counting.BYTES)), URL),
        note='Meta, "Threads web intents". The limit is 500 characters, emoji by their bytes: bytes are the safe side.',
    ),
    Network(
        "mastodon",
        "Mastodon",
        DOCUMENTED,
        "https://{instance}/share",
        (Parameter("text", ("title",), limit=Limit(500, Counting.CHARACTERS, link=23)), URL),
        aliases=("fediverse",),
        note="There is no address for all instances: the reader names hers. 500 is the default of an instance.",
    ),
    Network(
        "email",
        "E-mail",
        DOCUMENTED,
        "mailto:",
        (Parameter("subject", ("title",)), Parameter("body", ("title", "summary", "url"), joiner="\r\n\r\n")),
        aliases=("mail",),
        note="RFC 6068: spaces are %20, line breaks %0D%0A, a plus is a plus.",
    ),
    Network("sms", "SMS", DOCUMENTED, "sms:", (Parameter("body", ("title", "url")),), note="RFC 5724."),
    Network(
        "hackernews",
        "Hacker News",
        CONVENTION,
        "https://news.ycombinator.com/submitlink",
        (Parameter("u", ("url",)), Parameter("t", ("title",), limit=Limit(80, Counting.CHARACTERS, link=0))),
    ),
    Network(
        "tumblr",
        "Tumblr",
        DOCUMENTED,
        "https://www.tumblr.com/widgets/share/tool",
        (
            Parameter("posttype", constant="link"),
            Parameter("canonicalUrl", ("url",)),
            TITLE,
            Parameter("caption", ("summary",)),
        ),
        note='Tumblr, "Share button".',
    ),
    Network(
        "line",
        "LINE",
        DOCUMENTED,
        "https://social-plugins.line.me/lineit/share",
        (URL, Parameter("text", ("title",))),
        note='LINE Developers, "Using Share buttons".',
    ),
    Network("vk", "VK", CONVENTION, "https://vk.com/share.php", (URL, TITLE, Parameter("image", ("image",)))),
    Network("lobsters", "Lobsters", CONVENTION, "https://lobste.rs/stories/new", (URL, TITLE)),
    Network("xing", "XING", CONVENTION, "https://www.xing.com/spi/shares/new", (URL,)),
    Network(
        "weibo",
        "Weibo",
        CONVENTION,
        "https://service.weibo.com/share/share.php",
        (URL, TITLE, Parameter("pic", ("image",))),
    ),
    Network("qzone", "QZone", CONVENTION, "https://sns.qzone.qq.com/cgi-bin/qzshare/cgi_qzshare_onekey", (URL, TITLE)),
    Network("diaspora", "diaspora*", CONVENTION, "https://share.diasporafoundation.org/", (URL, TITLE)),
    Network("buffer", "Buffer", CONVENTION, "https://buffer.com/add", (URL, Parameter("text", ("title",)))),
    Network(
        "flipboard",
        "Flipboard",
        CONVENTION,
        "https://share.flipboard.com/bookmarklet/popout",
        (Parameter("v", constant="2"), URL, TITLE),
    ),
    Network("threema", "Threema", CONVENTION, "threema://compose", (TITLE_AND_URL,)),
    Network("copy", "Copy link", DOCUMENTED, aliases=("clipboard",), note="The Clipboard API of the browser."),
    Network("print", "Print", DOCUMENTED, note="window.print()"),
    Network("native", "Share…", DOCUMENTED, note="W3C Web Share: the sheet of the reader's own device."),
    Network("pocket", "Pocket", RETIRED, "https://getpocket.com/save", (URL, TITLE), note="Closed in July 2025."),
    Network("googleplus", "Google+", RETIRED, "https://plus.google.com/share", (URL,), note="Closed in 2019."),
    Network(
        "tencent",
        "Tencent Weibo",
        RETIRED,
        "https://v.t.qq.com/share/share.php",
        (URL, TITLE),
        aliases=("tencent-weibo",),
        note="Closed in 2020.",
    ),
    Network(
        "stumbleupon", "StumbleUpon", RETIRED, "https://www.stumbleupon.com/submit", (URL,), note="Closed in 2018."
    ),
)

SHARE_BAR = ("facebook", "pinterest", "linkedin", "email", "x", "whatsapp", "mastodon", "bluesky", "reddit", "copy")

_BY_NAME = {name: network for network in NETWORKS for name in (network.key, *network.aliases)}


def find(name: str) -> Network | None:
    """The network of this key or alias, retired ones too; None where there is none."""
    return _BY_NAME.get(name)


def listed() -> list[Network]:
    """Those that are offered to readers, in order."""
    return [network for network in NETWORKS if network.status is not Status.RETIRED]


def share_bar() -> list[Network]:
    """The few that a page without settings of its own shows as buttons."""
    return [_BY_NAME[key] for key in SHARE_BAR]
