"""Simulated callers and agents' desk phones: real SIP and RTP over loopback, each with a tone of its own.

    async with PhoneNetwork(gateway) as network:
        phone = await network.agent_phone(AgentPlan(user="1001", password="secret", tone_hz=400))
        story = await network.caller(CallPlan(caller="+8613800000001", called="+861055550100", tone_hz=1000)).call()

What they say and hear is audio; what a call was like for its caller or its agent is told as a story (stories.py), which owes
nothing to the system under test.
"""
