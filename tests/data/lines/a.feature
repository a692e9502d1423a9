# Scenario: commented
Feature: Tides
  Scenario: It rises
    Given a gauge
  Scenario Outline: It falls
    When told
