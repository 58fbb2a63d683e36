"""Whether somebody is angry with the office: sentences of both kinds."""

from __future__ import annotations

import pytest

from bot.core.resolve.temper import insults, upset

ANGRY = """
都一个礼拜了没人管
写了三次了，到底什么时候修
你们物业到底管不管
交了那么多物业费，干什么吃的
太过分了，天天这样
什么破物业，电话都打不通
我催了好几遍了还没来
再不来我就打12345投诉你们
你们就知道收钱，有什么用
忍无可忍了，楼上每天半夜装修你们也不管，没人处理
说好今天来的，又没来！！！
这都三天了还没修好，敷衍谁呢
凭什么让我们等这么久
等了两个小时了还没人来，气死我了
我要去住建局举报你们
你们的态度太差劲
一群骗子
電梯壞了五天了沒人修
This is ridiculous, third time I am writing
it has been two weeks and still nothing
What kind of service is this
what do I pay you for
Absolutely unacceptable
nobody cares, nobody ever replies
I am fed up with your excuses
WHEN ARE YOU COMING TO FIX IT!!!
how many times do I have to call
this place is a joke
"""
CALM = """
厨房水管漏水了，麻烦尽快
水漏得很厉害，快点来人！！！
报修三天了，想问问进度
楼上太吵了，能不能管一下
请问什么时候来修
昨天师傅没来，能改到明天吗
物业费多少钱一个月
物业费交了没有
你们什么时候上班
谢谢师傅，这么快就修好了
一个礼拜后来也行
灯坏了两天了
家里没人，别来
没人受伤
救命！！！着火了！！！
小区有人打架
我要投诉楼上803扰民
建议小区加个快递柜
不急，慢慢来
我在家等师傅
请帮我催一下
the kitchen tap is leaking badly!
could you tell me when somebody will come
thanks a lot, great service
I would like to complain about noise upstairs
nobody is at home tomorrow
my neighbour plays music again
is there any news about my repair
HELP there is a fire!!!
sorry, wrong building
"""


@pytest.mark.parametrize("text", ANGRY.strip().splitlines())
def test_anger_with_the_office_is_heard(text: str) -> None:
    assert upset(text)


@pytest.mark.parametrize("text", CALM.strip().splitlines())
def test_a_plain_report_a_question_and_a_cry_for_help_are_no_anger(text: str) -> None:
    assert not upset(text)


def test_an_insult_is_told_from_a_complaint() -> None:
    assert insults("你们物业就是一群废物") and insults("you are useless") and not insults("电梯坏了三天没人修")
