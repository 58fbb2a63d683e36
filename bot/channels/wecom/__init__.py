"""WeCom (企业微信) for the staff: notices and jobs as application messages, buttons on cards, and digests by a group robot.

`WeCom` is one application (agent) of one company: its members write to it and are written to, by their member id. `Robot` is
a group's webhook: it only speaks. Both know the platform and nothing else; what must be remembered goes into the notebook.

How it is cut: `account` reads the configuration, `envelope` opens what the platform sends, `inbound` reads the message in it,
`cards` lays out a message with buttons, `pace` counts, `troubles` is the table of error codes, `api`
makes the calls, `channel` and `robot` are the channels, `inspection` is what `bot channels check` asks.
"""

from bot.channels.wecom.account import NAME, ROBOT, RobotAccount, WeComAccount, account, robot_account
from bot.channels.wecom.channel import WeCom
from bot.channels.wecom.robot import Robot

__all__ = ["NAME", "ROBOT", "Robot", "RobotAccount", "WeCom", "WeComAccount", "account", "robot_account"]
