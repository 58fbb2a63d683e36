"""Brings the ways of writing one Chinese or English word together, character by character.

Standard library only. It must never change a text's length: entity offsets count characters of what
the resident wrote.
"""

from __future__ import annotations

# Traditional and simplified side by side: the characters of the trade, not a dictionary. A traditional
# character that has several simplified forms is listed with the one used about homes.
_PAIRS = (
    "棟栋樓楼層层單单門门號号戶户車车庫库廚厨廳厅臥卧衛卫間间陽阳臺台檯台牆墙頂顶電电燈灯閘闸線线開开關关"
    "壞坏滲渗洩泄氣气煙烟燒烧傷伤暈晕麼么嗎吗誰谁時时後后點点鐘钟週周來来過过還还沒没無无這这個个們们裡里"
    "裏里邊边對对話话報报維维換换裝装費费錢钱繳缴賬账帳帐據据發发減减貴贵貨货證证書书辦办領领鑰钥鎖锁讓让"
    "請请問问謝谢見见說说聽听寫写讀读幫帮訴诉聲声響响鬧闹髒脏亂乱貓猫鳥鸟蟲虫樹树綠绿園园溝沟蓋盖濕湿熱热"
    "涼凉機机櫃柜鏡镜爐炉廁厕馬马龍龙頭头噴喷灑洒淨净壓压網网絡络視视頻频監监攝摄遙遥桿杆欄栏樁桩滿满員员"
    "業业務务處处經经師师護护衝冲夾夹斷断條条塊块張张給给從从為为與与於于將将會会應应該该夠够許许訪访預预"
    "約约記记錄录碼码簽签繼继續续結结終终進进遠远連连運运達达邏逻選选遲迟遞递蘇苏華华萬万億亿兩两幾几雙双"
    "隻只種种類类東东災灾險险緊紧醫医藥药盜盗賊贼搶抢嚴严靜静懸悬掛挂塵尘灘滩潔洁掃扫倉仓廣广場场區区國国"
    "圖图團团圍围壇坛壘垒夢梦學学寶宝實实審审導导屆届屜屉屬属歲岁島岛幣币幹干廢废弔吊彎弯彈弹復复徵征態态"
    "慮虑慘惨憂忧懶懒懷怀戲戏拋抛掙挣捨舍採采損损搖摇撥拨撲扑擋挡擔担擠挤擴扩擺摆攔拦敗败數数斃毙舊旧暫暂"
    "曬晒極极構构槍枪榮荣樣样標标檢检歐欧歡欢歷历殘残毀毁決决沖冲況况測测準准溫温滅灭滾滚漢汉潛潜澆浇濁浊"
    "濃浓濾滤瀉泻煉炼煩烦營营爛烂爭争牽牵狀状獎奖獨独獲获現现產产畫画異异當当療疗癢痒盡尽盤盘睏困確确礙碍"
    "禮礼稅税穩稳窩窝筆笔節节範范築筑籠笼糧粮紅红級级納纳純纯紙纸細细組组統统絕绝絲丝緩缓編编練练縮缩總总"
    "繩绳罰罚羅罗義义習习聯联職职腦脑臨临舉举艙舱莊庄葉叶薦荐藍蓝虛虚虧亏補补製制複复規规覺觉覽览觀观觸触"
    "訂订計计討讨訓训設设評评詢询試试詳详誠诚誤误課课調调談谈論论謊谎講讲識识譯译議议變变負负財财貢贡貧贫"
    "貼贴賀贺賃赁資资賓宾賠赔賣卖質质購购贈赠趕赶跡迹踐践軌轨軟软輕轻載载輛辆輪轮輸输轉转轟轰農农迴回適适"
    "郵邮鄰邻釘钉針针銀银銅铜銷销鋁铝鋼钢錯错鍵键鍋锅鎮镇鏽锈鐵铁長长閃闪閉闭閒闲閱阅闆板隊队階阶際际陰阴"
    "離离難难雜杂雲云霧雾靈灵頁页項项順顺須须題题額额願愿風风飄飘飛飞飯饭飲饮館馆騎骑騙骗驗验驚惊體体髮发"
    "鬆松魚鱼鮮鲜麗丽麥麦黃黄齊齐齡龄"
)
_TABLE = {ord(_PAIRS[i]): _PAIRS[i + 1] for i in range(0, len(_PAIRS), 2)}
# Full-width forms of ASCII stand in one block; the ideographic space stands alone.
_TABLE |= {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_TABLE |= {0x3000: " ", ord("’"): "'", ord("‘"): "'", ord("〇"): "0"}


def normalise(text: str) -> str:
    """Writes full-width letters and digits half-width and common traditional characters simplified;
    length unchanged."""
    return text.translate(_TABLE)
