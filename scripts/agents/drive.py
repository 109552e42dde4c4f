"""Runs agent frameworks against a server of this build: tools that are really called, streams, structured output.

The first call of a tool is forced where the framework can ask for it, since small models seldom call by themselves.
"""

import asyncio
import os
import pathlib
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "end-to-end"))
os.environ["OPENAI_API_KEY"] = "none"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import anthropic
import openai
from conftest import Server
from pydantic import BaseModel

QUESTION = "What is the weather in Paris? Use the tool."
STATEMENT = "Paris is the capital of France. Extract the city."
GREETING = "Say hello."


class City(BaseModel):
    name: str
    country: str


called = []


def weather(city: str) -> str:
    """Tell the weather of a city."""
    called.append(city)
    return f"It is sunny in {city}, 21 degrees."


def check_city(city):
    assert (city.name, city.country) == ("Paris", "France"), city


def check_langchain(model, forces=True):
    from langchain.agents import create_agent
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    whole = model.invoke(GREETING)
    assert whole.text and whole.usage_metadata["total_tokens"] > 0
    assert "".join(chunk.text for chunk in model.stream(GREETING)) == whole.text
    kind = tool(weather)
    create_agent(model, [kind]).invoke({"messages": [("user", QUESTION)]})
    if forces:
        chosen = model.bind_tools([kind], tool_choice="any")
        call = chosen.invoke(QUESTION)
        streamed = None
        for chunk in chosen.stream(QUESTION):
            streamed = chunk if streamed is None else streamed + chunk
        assert call.tool_calls[0]["args"] == streamed.tool_calls[0]["args"] == {"city": "Paris"}
        results = [ToolMessage(weather(**item["args"]), tool_call_id=item["id"]) for item in call.tool_calls]
        assert model.bind_tools([kind]).invoke([HumanMessage(QUESTION), call, *results]).text
    check_city(model.with_structured_output(City).invoke(STATEMENT))


def langchain_openai(url, name):
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings
    settings = dict(base_url=url + "/v1", api_key="none", model=name)
    for responses in (False, True):
        check_langchain(ChatOpenAI(**settings, temperature=0, max_tokens=128, use_responses_api=responses))
    assert len(OpenAIEmbeddings(**settings, check_embedding_ctx_length=False).embed_documents(["a", "b"])) == 2


def langchain_anthropic(url, name):
    from langchain_anthropic import ChatAnthropic
    check_langchain(ChatAnthropic(base_url=url, api_key="none", model=name, max_tokens=128, temperature=0))


def langchain_ollama(url, name):
    from langchain_ollama import ChatOllama, OllamaEmbeddings
    check_langchain(ChatOllama(base_url=url, model=name, temperature=0, num_predict=128), forces=False)
    assert len(OllamaEmbeddings(base_url=url, model=name).embed_documents(["a", "b"])) == 2


def openai_agents(url, name):
    import agents
    agents.set_tracing_disabled(True)
    agents.set_default_openai_client(openai.AsyncOpenAI(base_url=url + "/v1", api_key="none"))
    for api in ("responses", "chat_completions"):
        agents.set_default_openai_api(api)
        called.clear()
        settings = agents.ModelSettings(temperature=0, max_tokens=128)
        first = agents.ModelSettings(temperature=0, max_tokens=128, tool_choice="required")
        agent = agents.Agent(
            name="weather", instructions="Use tools.", model=name, tools=[agents.function_tool(weather)],
            model_settings=first)
        whole = asyncio.run(agents.Runner.run(agent, QUESTION)).final_output
        assert called[0] == "Paris" and whole

        async def stream():
            run = agents.Runner.run_streamed(agent, QUESTION)
            async for _ in run.stream_events():
                pass
            return run.final_output

        assert asyncio.run(stream()) == whole
        extractor = agents.Agent(name="city", model=name, output_type=City, model_settings=settings)
        check_city(asyncio.run(agents.Runner.run(extractor, STATEMENT)).final_output)


def instructor(url, name):
    import instructor as library
    body = dict(model=name, response_model=City, messages=[{"role": "user", "content": STATEMENT}], max_tokens=128)
    for mode in (library.Mode.TOOLS, library.Mode.TOOLS_STRICT, library.Mode.JSON, library.Mode.JSON_SCHEMA):
        client = library.from_openai(openai.OpenAI(base_url=url + "/v1", api_key="none"), mode=mode)
        check_city(client.chat.completions.create(temperature=0, **body))
    check_city(library.from_anthropic(anthropic.Anthropic(base_url=url, api_key="none")).messages.create(**body))


def litellm(url, name):
    import litellm as library
    messages = [{"role": "user", "content": GREETING}]
    texts = set()
    for target in (
        dict(model="openai/" + name, api_base=url + "/v1", api_key="none"),
        dict(model="anthropic/" + name, api_base=url, api_key="none"), dict(model="ollama_chat/" + name, api_base=url),
    ):
        settings = dict(messages=messages, max_tokens=32, temperature=0, **target)
        texts.add(library.completion(**settings).choices[0].message.content)
        chunks = library.completion(stream=True, **settings)
        texts.add("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
    assert len(texts) == 1, texts
    vectors = library.embedding(model="openai/" + name, api_base=url + "/v1", api_key="none", input=["a", "b"])
    assert len(vectors.data) == 2


def pydantic_ai(url, name):
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider
    provider = OpenAIProvider(base_url=url + "/v1", api_key="none")
    settings = {"temperature": 0, "max_tokens": 128}
    for kind in (OpenAIChatModel, OpenAIResponsesModel):
        model = kind(name, provider=provider)
        assert Agent(model, tools=[weather], model_settings=settings).run_sync(QUESTION).output
        check_city(Agent(model, output_type=City, model_settings=settings).run_sync(STATEMENT).output)


FRAMEWORKS = [
    langchain_openai, langchain_anthropic, langchain_ollama, openai_agents, instructor, litellm, pydantic_ai]


def main():
    server = Server().wait_until_ready()
    failures = 0
    try:
        name = openai.OpenAI(base_url=server.url + "/v1", api_key="none").models.list().data[0].id
        for framework in FRAMEWORKS:
            if sys.argv[1:] and framework.__name__ not in sys.argv[1:]:
                continue
            try:
                framework(server.url, name)
                print("passed", framework.__name__, flush=True)
            except Exception:
                failures += 1
                print("FAILED", framework.__name__, flush=True)
                traceback.print_exc()
    finally:
        server.stop()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
