"""The words of yes and no, by what each says. Read by `assent`.

Written down as people of the trade would check them: Chinese words between blanks, English phrases between bars (without
apostrophes, for residents leave them out), signs of the keyboard. Whoever adds a word: particles (的, 了, 啦) may follow each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Sense = Literal["aside", "yes", "no", "nod", "double", "open"]
"""What a word says; a word in two lists has the later sense.

aside: nothing of its own (courtesy, an address, a reason). nod: hears and agrees, and may go before a no. double: a no undone
(不是不行). open: leaves the question open, whatever stands beside it."""

CHINESE: Final[Mapping[Sense, str]] = {
    "aside": """
        谢谢 多谢 谢了 谢啦 感谢 非常感谢 十分感谢 辛苦 辛苦你 辛苦您 辛苦你们 辛苦师傅 唔该 唔该晒 劳烦 拜托 请
        您好 你好 你们好 早上好 下午好 晚上好 师傅 亲 亲爱的 管家 小姐姐 小哥 老师 各位 客服 美女 帅哥 大哥 大姐 你
        您 你们 我 我们 那 就 这 这个 这边 时间 这个时间 地址 电话 号码 号 我这边 还是 先 吧 哈 呵 嘿 哦 噢 喔 啊 呀
        哎呀 知道 知道了 明白 明白了 了解 了解了 懂了 不好意思 对不起 抱歉 没事 没关系 不要紧 不打紧 不碍事 不急
        客气 应该 其实 这次 暂时 目前 现在 也 随时 信息 内容 资料 以上 以上信息 名字 房号 手机号 日期 地点 那天 恁
        侬 谢谢侬 多谢侬 俺 俺们 咱 咱们 老铁 非常 很 十分 超 举双手 双手 这样 说 讲 填 唔好意思 费心 操心
        自己弄好了 自己修好了 我自己弄好了 我自己修好了 已经好了 已经修好了 已经解决了 已经弄好了 已经恢复了
        现在好了 又好了 自己好了 我再想想 再想想 考虑考虑 再考虑考虑 想好再说 我再看看 再看看 以后再说 改天再说
        下次再说 改天 下次 尽快 尽快来 快点 快一点 快点来 越快越好 早点来 你们安排 等你们 看着办 你们看着办 反正
        核对过 核对了 看过 看了 看了下 看了一下 检查过 上面 上面写 写 怎么了 完全 全部 压根 根本 从来 真 得很 快
        赶紧 赶快 不用改 没有要改 再见 拜拜 回见 明天见 我看 我觉得 等师傅 等消息 等通知 等你们消息 等着 我等 我等着
        我在家等 在家等 师傅来过 太贵 想了想 我想了想 改主意 我改主意
    """,
    "yes": """
        好 好滴 好嘞 好咧 好勒 好呗 好极 好得很 太好 那好 那就好 就好 中 成 成交 可 可以 也行 也可 也可以 也好 能
        能行 能成 可行 行得通 妥 妥妥 妥当 使得 得 得嘞 要得 巴适 定 对 对头 对着 对着呢 是 系 就是 正是 确实 确实是
        没错 没有错 不会错 错不了 没问题 没有问题 没得问题 没毛病 没意见 没有意见 没异议 没有异议 无异议 冇问题 冇错
        不错 正确 无误 准确 属实 都对 全对 啱 确认 确定 同意 赞成 认可 接受 批准 愿意 乐意 肯定 一定 绝对 当然 必须
        那必须 那肯定 那当然 自然 完全可以 完全正确 完全同意 当然可以 要 我要 需要 我需要 想 想要 还要 有 有人 在
        在家 我在家 会 方便 有空 就这样 这样就行 这样可以 就这么办 就这么定 就这么着 就这个 就是这个 就是这样 是这样
        就是它 就它 是这个 就那个 就是那个 是那个 是我 就是我 是我家 是我的 是我本人 是的是的 按你说 按您说
        按你说的办 按您说的办 按你说的来 就按你说的办 就这样办 这么办 照办 照你说 照您说 按这个来 就按这个 提交 发吧
        报吧 办吧 修吧 来吧 定吧 约吧 派吧 弄吧 整吧 登记吧 来 安排 安排上 下单 就报 帮我报 帮我提交 帮我登记 帮我办
        帮我约 给我办 给我约 麻烦安排 欧了 欧克 欧k 阔以 口以 么问题 木问题 木有问题 无问题 好der 收到 晓得 同意提交
        我同意 我确认 我确定 我可以 我愿意 我接受 我在 那可不 可不 可不是 可不是嘛 怎么不行 怎么不可以 咋不行
        没什么问题 没啥问题 没有什么问题 没啥毛病 没啥意见 没什么意见 没说的 没得说 没的说 没啥说的 没啥不行
        没啥不可以 没啥不好 没什么不行 没有什么不行 一点问题没有 一点问题都没有 没有任何问题 毫无问题 百分百
        千真万确 遵命 得令 那还用说 还用问 没什么不对 没什么不可以 有什么不行 不会有错 可不就是 谁说不是 再好不过
        敢情好 正好 不反对 不介意 何乐而不为 算是 允许 准 通过 好使 有人在 有人在家 家里有人 提交申请 发送 继续
        开始吧 就这么说 就这么说定 说定 一言为定 可中 管 要修 要报 要办 系呢个 就系 就系呢个 好嘢 就咁 就咁样 得行
        说的对 没说错 没搞错 没弄错 没写错 没填错 没记错 一点没错 一点不错 一点都没错 一点也没错 就这么整 怎么不要
        怎么没有 怎么不是 怎么不能 怎么不对 干嘛不要 为什么不要 为什么不可以 为什么不行 有什么不可以 有啥不行
        有啥不可以 必需 不然呢 整 搞起 走起 好说 依你 依您 okla 么得问题 莫问题 莫得问题 巴适得板 没二话 照这么办
        照这样 照这样办 照这个 就照这个 按原计划 按刚才说 先这样 就先这样 说好 约好 就系咁 系咁 啱晒 照做 肯
        按你们的来 就按你们的来 嫽扎 杠杠 可不咋 按你们说 按你们说的办 按这个办 就按这个办 按流程走 按流程来 走流程
        让他来 让师傅来 叫师傅来 派人来 来修 来看看 过来 上门吧 你们看着安排 听你 听您 听你们 听安排 都没错 都没问题
        都正确 全部正确 全都对 为什么不 为啥不 干嘛不 有何不可 求之不得 正合我意 说得对 你说得对 您说得对 嗯呐 嗯哪
        昂 有劳 劳驾 真的
    """,
    "no": """
        不 不了 不用 不用麻烦 不用麻烦你 不用麻烦您 不用麻烦你们 不必 不必麻烦 不要 我不要 不是 不对 不行 不成 不中
        不可 不可以 不好 不能 不会 不在 不需要 不同意 我不同意 不赞成 不接受 不认可 不确认 不愿意 我不愿意 不想
        我不想 不想要 不考虑 不麻烦 不弄 不办 不报 不修 不约 不来 不干 不得 不得行 不太行 不太对 不太好 不太方便
        不方便 不怎么行 不存在 不可能 不是这样 不是这个 不是那个 不是我 不是我家 不是我的 不正确 不准确 不属实 没
        没有 没啥 没了 没有了 没有的事 没那回事 没这回事 没门 没必要 没有必要 没得 没在 没人 没空 还没 还没有
        从来没有 哪有 哪有的事 哪里有 哪能 怎么可能 怎么会 否 非也 错 错误 有误 有错 有问题 搞错 弄错 写错 说错 填错
        别 别弄 别报 别来 别麻烦 免 算 算了 还是算了 还是不 还是不要 还是不用 还是别 先不 先不要 先不用 先不了 先别
        先不弄 先不报 暂时不 暂时不用 暂时不要 暂时不需要 目前不用 目前不需要 现在不用 现在不要 现在不需要 用不着
        犯不着 甭 甭麻烦 取消 拒绝 反对 罢了 拉倒 得了吧 作罢 撤了 撤销 停 打住 未 尚未 冇 木有 唔使 唔要 唔好 唔系
        唔得 唔啱 唔对 唔可以 唔需要 莫 莫得 勿要 伐要 要不得 才不 才不要 才不是 绝不 绝对不 绝对不行 绝对不是
        坚决不 坚决不行 肯定不 肯定不行 肯定不是 当然不 当然不行 当然不是 当然不要 当然不用 当然没有 可不行 可不是我
        千万别 千万不要 真不用 真的不用 真没有 真的没有 完全不对 完全不是 都不对 都不是 都不要 都不行 一点都不
        一点也不 根本不是 根本没有 才怪 休想 没兴趣 不感兴趣 无 才没有 并没有 并不是 并不 不想弄 不想办 不想报
        不想修 不打算 不整 没打算 没来 不合适 不大合适 不太合适 不大行 不大好 不妥 不太想 不太需要 都不用 不是那样
        不是这么回事 不是这回事 不是那么回事 没这个意思 我不是这个意思 达咩 免谈 不通过 想多了 瞎说 胡说 扯淡 作废
        删掉 删了 停止 到此为止 使乜 咪搞 冇咁嘅事 冇呢回事 谁说要 有点不对 哪里不对 没报修 没报过修 没叫人 没说过
        布要 布行 布用 布是 算球 不得要 不消 莫搞 唔制 太麻烦 太晚 没时间 来不及 不劳 不劳烦 不劳驾 不打扰 暂不
        暂不用 暂不需要 暂无 从未 点会 唔洗 唔驶 费事 可别 可不要 可不用 快别 谁要 要什么要 没那个必要 没这个必要
        没啥必要 没什么必要 行不通 今天不用 今天不要 今天不行 今天不需要 今天不方便 不太想弄 打错 点错 按错 发错
        看错 弄混 搞混 我说的不是这个 说的不是这个 我要的不是这个 不是我要的 不是我说的 不是我想要的 不是这意思
        不是这个意思 差远 全错 全不对 都错 对不上 不符 不符合 没戏 冇可能 反悔 后悔 不ok 唔ok 想得美 做梦 没商量
        门都没有 想都别想 少来 不稀罕 何必 犯不上 没这事 没那事 没这个事 没有这回事 好意心领 心领 我自己弄 我自己来
        我自己修 我自己处理 我自己解决 我自己搞定 自己弄 自己来 自己修 自己处理 自己解决 自己搞定 自己想办法 别整
        别修 别约 别办 别派 别安排 甭整 甭修 甭来 不是我们 不是我们家 冇得 弗要 弗是 勿是 覅 取消掉 撤回 不用管
        不用来 不用修 不用报 不用弄 不用办 不用派 不用登记 不算 无需 毋须 毋需 大可不必 婉拒 不准 不许 不让 不允许
        不好使 没在家 不在家 家里没人 没人在家 不全对 不完全对 不完全是 记错
    """,
    "nod": """
        嗯 恩 唔 哎 诶 欸 好 好的 好吧 好啊 好呀 行 行吧 行啊 那行 那好吧 嗯哼 麻烦晒 梗系 紧系 指定 那必 当然 肯定
        绝对 一定 确实 的确 真的 自然 必须 麻烦 麻烦你 麻烦您 麻烦你们 麻烦师傅
    """,
    "double": """
        不是不行 不是不可以 不是不要 不是不能 不是不想 不是不好 不是不对 没说不行 没说不要 没说不可以 没有不可以
        没有不好 没有不行 没有不同意 没有不对 又不是不行 不能不
    """,
    "open": """
        对了 得了 想想 我想想 不是吧 不会吧 没想好 还没想好 没考虑好 还没考虑好 可是 但是 不过 再说 随便 不知道
        不晓得 不清楚 不确定 不一定 可能 大概 也许 或许 差不多 还行 好不好 行不行 可不可以 是不是 对不对 要不要
        能不能 会不会 中不中 成不成 有没有 不如 使唔使 系咪 好唔好 得唔得
    """,
}  # fmt: skip
ENGLISH: Final[Mapping[Sense, str]] = {
    "aside": """
        thanks|thank you|thanks a lot|thanks very much|thank you very much|thank you so much|thanks so much
        many thanks|thx|ty|cheers|much appreciated|appreciated|appreciate it|sorry|my bad|apologies|sir|madam|maam
        mate|bro|dear|buddy|man|dude|team|guys|friend|everyone|there|hi|hello|hey|um|uh|er|erm|hmm|hm|oh|ah|lol|haha
        i see|got it|understood|gotcha|noted|actually|honestly|really|just|then|now|so|and|though|too|also|for now
        as well|very much|a lot|as soon as possible|asap|quickly|soon|the sooner the better|thats all
        thats kind of you|its fixed now|its fixed|already fixed|fixed already|i fixed it|i fixed it myself
        fixed it myself|its working now|it works now|its working again|its sorted|sorted|maybe next time
        maybe another time|another time|some other time|next time|maybe later|later|ill let you know
        ill think about it|let me think about it
    """,
    "yes": """
        y|ye|yes|yep|yeah|yeh|yea|yup|yip|ya|yas|aye|sure|sure thing|for sure|of course|ofc|certainly|absolutely
        definitely|totally|exactly|indeed|precisely|right|thats right|correct|thats correct|that is correct
        that is right|all correct|its correct|its right|true|thats true|thats it|thats the one|thats me|thats us
        that one|spot on|accurate|agreed|i agree|i accept|accepted|i confirm|confirm|confirmed|approved|deal
        done deal|affirmative|roger|roger that|copy that|so be it|sounds good|sounds great|sounds fine|sounds right
        sounds perfect|sounds ok|looks good|that looks good|looks right|looks fine|looks correct|looks great
        all good|all fine|all set|good|great|perfect|fine|thats fine|thats good|thats great|thats perfect|thats okay
        thats ok|its fine|its ok|its okay|very good|very well|lovely|excellent|wonderful|cool|nice|awesome
        fine by me|fine with me|ok by me|okay by me|ok with me|okay with me|good with me|works for me|that works
        that works for me|it works for me|happy with that|im happy with that|im ok with that|im fine with that
        go ahead|please go ahead|go for it|please do|do it|do so|do that|do please|lets do it|lets do that|lets go
        proceed|please proceed|carry on|submit|submit it|send it|send them|send him|send someone|book it|file it
        log it|post it|by all means|you bet|you may|you can|with pleasure|gladly|no problem|no problems
        not a problem|no objection|no objections|no issue|no issues|no complaints|why not|might as well|may as well
        i do|i did|i am|i will|i would|i can|i have|id like that|id love that|id love to|i would like that
        i would love that|i want it|i want that|i need it|we do|we are|we did|we will|we have|we can|already did
        it is|it does|it did|it has|it was|they are|they did|they have|he did|he has|he is|she did|she is|there is
        there are|that would be great|that would be good|that would be lovely|thatd be great|thatd be good
        would be great|thats my flat|thats my apartment|thats my home|thats my room|thats my house|thats my address
        thats my number|thats my phone|thats my unit|thats my place|thats mine|its mine|its my flat|its my number
        its me|same one|this one|the same|hell yes|heck yes|uh huh|uhhuh|mhm|mm hmm|mmhmm|mm hm|yessir|okey dokey
        okie dokie|okie|oki|yes it is|yes i do|i think so|i guess so|i guess|i suppose so|i suppose|i believe so
        good to go|make it so
    """,
    "no": """
        n|no|nono|nonono|nope|nop|nah|naw|nay|no thanks|no thank you|no thx|no way|no need|no more|never|not
        not really|no really|not now|not yet|not today|not right|not correct|not true|not quite|not exactly
        not needed|not ok|not okay|not fine|not necessary|not at all|ill do it myself|i will do it myself
        ill fix it myself|ill handle it|i can do it myself|i can manage|ill manage|not me|not mine|not us|not that
        not that one|not this one|not the one|not for me|not interested|not happening|not a chance|no chance
        no can do|no longer|no longer needed|no longer necessary|wrong|thats wrong|that is wrong|its wrong|all wrong
        wrong one|incorrect|thats incorrect|false|thats false|thats not right|that is not right|thats not correct
        thats not it|thats not me|thats not mine|thats not true|thats not my flat|thats not my number
        thats not the one|that isnt right|that isnt it|that isnt correct|that isnt me|that isnt mine|its not
        it is not|it isnt|it isnt right|its not right|its not mine|its not me|i dont think its right
        i dont think thats right|never mind|nevermind|nvm|dont|do not|please dont|please do not|please no|dont do it
        dont do that|dont bother|i dont|i do not|i didnt|i did not|i havent|i have not|i cant|i cannot|i wont|im not
        i am not|i dont want it|i dont want that|i dont want to|i dont need it|i dont need that|i dont agree
        i disagree|disagree|id rather not|i would rather not|rather not|better not|i dont think so|dont think so
        i think not|i guess not|i suppose not|i hope not|i dont want anything|we dont|we didnt|we havent|we cant
        we arent|it doesnt|it did not|it didnt|it hasnt|it wasnt|he didnt|he hasnt|she didnt|they didnt|they havent
        they arent|nobody|nobody came|there isnt|there arent|theres not|none|of course not|absolutely not
        definitely not|certainly not|obviously not|hell no|heck no|god no|by no means|negative|cancel|cancel it
        cancel that|stop|stop it|please stop|please cancel|please cancel it|forget it|forget about it|leave it
        scrap it|scrap that|drop it|skip it|im good|i am good|were good|ill pass|pass on that|i decline|decline
        declined|refuse|i refuse|rejected|reject|reject it|dont need it|no good|unfortunately not|afraid not
        im afraid not|sadly not
    """,
    "nod": """
        ok|okk|okok|okay|okey|k|alright|all right|well|oh ok|oh okay|yeah|sure|good|fine|ah ok|please|pls|plz
        of course|definitely|absolutely|certainly|totally|really
    """,
    "double": "",
    "open": """
        maybe|perhaps|whatever|depends|it depends|not sure|im not sure|i dont know|dont know|dunno|no idea
        i have no idea|who knows|either|either way|up to you|oh no|oh dear|not bad|not good|not great|not happy
        unsure|hard to say|no comment
    """,
}  # fmt: skip
#: Chinese without a Chinese keyboard, written in one word or by syllables.
PINYIN: Final[Mapping[Sense, str]] = {
    "aside": "xie xie|xie xie ni|ma fan le",
    "yes": """
        hao|hao de|hao a|hao ba|hao ya|xing|xing ba|ke yi|ke yi de|shi|shi de|dui|dui de|mei wen ti|mei cuo|que ren
        que ding|tong yi|yao|yao de|xu yao|dang ran|en|en en
    """,
    "no": """
        bu|bu le|bu yong|bu yong le|bu yao|bu yao le|bu shi|bu shi de|bu dui|bu xing|bu ke yi|bu xu yao|bu bi
        mei you|suan le|cuo le|qu xiao
    """,
}
SIGNS: Final[Mapping[Sense, str]] = {
    "aside": """
        🙏 😊 😄 🙂 😀 😁 😂 🤣 😅 ☺ 🌹 ❤ 😘 🥰 😭 💪 ♀ ♂ [抱拳] [合十] [微笑] [呲牙] [愉快] [玫瑰] [憨笑] [调皮]
        [偷笑] [捂脸]
    """,
    "yes": "👌 👍 ✅ ✔ ☑ 🆗 🙆 💯 🤝 🉑 ⭕ √ ✓ [ok] [强] [好的] [握手] [鼓掌]",
    "no": "❌ 👎 🙅 ✖ 🚫 ❎ ⛔ × [弱] [no]",
}
